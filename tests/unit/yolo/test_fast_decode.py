"""The reduced decode of large JPEGs: the same picture, smaller, and boxes in the whole one's pixels."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.unit.yolo.samples import MAX_PIXELS, FixedEngine, encode, head, metadata, quadrants, turned
from yolo import image, parameters
from yolo.errors import ImageTooLarge, InvalidImage
from yolo.pipeline import Pipeline, Request


def jpeg(width: int, height: int, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(quadrants(width, height)).save(stream, "JPEG", quality=95, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("side", "factor"), [(640, 1), (1279, 1), (1280, 2), (2559, 2), (2560, 4), (5120, 8), (9000, 8)]
)
def test_the_reduction_is_the_largest_that_still_fills_the_networks_input(side: int, factor: int) -> None:
    pixels, source = image.decode_reduced(jpeg(side, 64), MAX_PIXELS, 3, (640, 640))
    assert source == (64, side)
    assert pixels.shape == (-(-64 // factor), -(-side // factor), 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_the_upright_picture_whatever_exif_says(orientation: int) -> None:
    data = jpeg(1400, 700, orientation)
    pixels, source = image.decode_reduced(data, MAX_PIXELS, 3, (320, 320))
    whole = image.decode(data, MAX_PIXELS)
    assert source == whole.shape[:2]
    shrunk = cv2.resize(whole, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_grey_jpeg_is_reduced_as_opencv_reduces_it(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "grey.jpg"
    grey = Image.fromarray(quadrants(1400, 700)).convert("L")
    path.write_bytes(encode(grey, "JPEG", quality=95, exif=turned(orientation)))
    expected = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_4)
    pixels, source = image.decode_reduced(path.read_bytes(), MAX_PIXELS, 3, (320, 320))
    assert source == cv2.imread(str(path)).shape[:2]
    assert np.array_equal(pixels[..., ::-1], expected)


def test_a_grey_model_gets_grey() -> None:
    pixels, _ = image.decode_reduced(jpeg(1400, 700), MAX_PIXELS, 1, (320, 320))
    assert pixels.shape == (175, 350, 1)


def test_other_formats_are_decoded_whole() -> None:
    pixels, source = image.decode_reduced(encode(quadrants(1400, 700), "PNG"), MAX_PIXELS, 3, (320, 320))
    assert pixels.shape == (700, 1400, 3)
    assert source == (700, 1400)


def test_limits_and_truncation_are_found_as_in_a_whole_decode() -> None:
    data = jpeg(1400, 700)
    with pytest.raises(ImageTooLarge):
        image.decode_reduced(data, 1000, 3, (320, 320))
    with pytest.raises(InvalidImage, match="truncated"):
        image.decode_reduced(data[: len(data) // 2], MAX_PIXELS, 3, (320, 320))


def test_boxes_are_in_the_pixels_of_the_whole_picture() -> None:
    model, data = metadata(), jpeg(512, 512)
    wanted = parameters.parse({}, model)
    engine = FixedEngine(head([(32, 32, 16, 16, 1, 0.9)]))
    (fast,) = Pipeline(engine, model, MAX_PIXELS, fast_decode=True).run([Request(data, wanted)])
    (slow,) = Pipeline(engine, model, MAX_PIXELS).run([Request(data, wanted)])
    assert fast.size == slow.size == (512, 512)
    assert fast.answer == slow.answer
    assert engine.batches == [(1, 64, 64, 3)] * 2
