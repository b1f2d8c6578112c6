"""Crops, down to their pixels: of upright images, lossless where they are small, within bounds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from gateway.detection.image_header import read_image_header
from gateway.errors import ImageTooLarge, InvalidImage
from gateway.second_stage.crop import Rectangle
from gateway.second_stage.cutting import MOST_RAW, cut
from tests.gateway.support.pictures import picture
from yolo import image as worker

SIZE = (200, 120)
CROP = Rectangle(30, 20, 90, 100)


def coloured(size: tuple[int, int] = SIZE) -> Image.Image:
    """An image whose every pixel says where it is."""
    width, height = size
    across = np.linspace(0, 255, width).astype(np.uint8)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height).astype(np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack((across, down, across // 2 + down // 2), axis=2))


def encoded(image: Image.Image, kind: str = "PNG", orientation: int | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """Decode as the model server's worker does."""
    return worker.decode(data, 10**9)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_a_crop_has_the_pixels_of_the_upright_image(kind: str, orientation: int | None) -> None:
    data = encoded(coloured(), kind, orientation)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    size = upright.shape[1], upright.shape[0]
    crops = {3: Rectangle(30, 20, 90, 100), 1: Rectangle(0, 0, 20, 15)}
    made = cut(data, crops, size)
    assert list(made) == [3, 1]
    for index, crop in crops.items():
        assert made[index].format == "BMP"
        expected = upright[crop.top : crop.bottom, crop.left : crop.right]
        assert np.array_equal(pixels(made[index].data), expected)
        assert (made[index].at.left, made[index].at.top) == (crop.left, crop.top)
        assert (made[index].at.across, made[index].at.down) == (1, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM", "HEIF"])
def test_a_crop_has_the_pixels_that_the_model_server_sees(kind: str) -> None:
    data = picture(kind, SIZE)
    (crop,) = cut(data, {0: CROP}, SIZE).values()
    expected = pixels(data)[CROP.top : CROP.bottom, CROP.left : CROP.right].astype(int)
    # OpenCV and Pillow decode JPEG 2000 and the colours of some JPEG with rounding of their own.
    assert np.abs(pixels(crop.data).astype(int) - expected).max() <= 2


def test_a_crop_is_an_image_that_the_gateway_itself_would_accept() -> None:
    (crop,) = cut(encoded(coloured()), {0: CROP}, SIZE).values()
    header = read_image_header(crop.data, 10**6)
    assert (header.format, header.width, header.height) == (crop.format, *crop.size) == ("BMP", 60, 80)


def test_a_large_crop_is_a_jpeg_of_nearly_the_same_pixels() -> None:
    size = (900, 700)
    data = encoded(coloured(size))
    (crop,) = cut(data, {0: Rectangle(0, 0, 900, 690)}, size).values()
    assert (crop.format, crop.size) == ("JPEG", (900, 690))
    assert len(crop.data) < MOST_RAW / 4
    error = np.abs(pixels(crop.data).astype(int) - np.asarray(coloured(size)).astype(int)[:690])
    assert error.mean() < 1


def test_a_crop_with_very_many_pixels_is_scaled_down_and_says_by_how_much() -> None:
    size = (6001, 3000)
    (crop,) = cut(encoded(coloured(size), compress_level=1), {0: Rectangle(1000, 0, 6001, 3000)}, size).values()
    width, height = crop.size
    assert (width, height) == (2501, 1500)
    assert (crop.at.left, crop.at.top) == (1000, 0)
    assert width * crop.at.across == pytest.approx(5001)
    assert height * crop.at.down == pytest.approx(3000)
    middle = pixels(crop.data)[height // 2, width // 2].astype(int)
    assert np.abs(middle - np.asarray(coloured(size))[1500, 3500]).max() <= 3


def test_what_takes_too_much_memory_is_decoded_at_half_of_its_size() -> None:
    size = (1000, 500)
    data = encoded(coloured(size), "JPEG", quality=95)
    (crop,) = cut(data, {0: Rectangle(300, 100, 700, 300)}, size, 2_000_000).values()
    assert crop.size == (200, 100)
    assert crop.at == type(crop.at)(300, 100, 2, 2)
    expected = np.asarray(coloured(size).resize((500, 250)))[50:150, 150:350].astype(int)
    assert np.abs(pixels(crop.data).astype(int) - expected).mean() < 3


def test_what_cannot_be_halved_is_refused_with_the_figures() -> None:
    data = encoded(coloured((1000, 500)), "WEBP")
    with pytest.raises(
        ImageTooLarge, match=r"Cutting objects out of this WEBP.*9 MB of memory; the limit is 3 MB.*'then'"
    ):
        cut(data, {0: CROP}, (1000, 500), 3_000_000)


def test_an_image_that_cannot_be_decoded_is_an_error_that_says_so() -> None:
    with pytest.raises(InvalidImage, match="cut objects out"):
        cut(encoded(coloured(), "JPEG")[:-400], {0: CROP}, SIZE)


def test_the_size_that_the_model_server_reported_is_the_one_that_crops_are_in() -> None:
    """A model server that ignores the Exif orientation has its boxes in the image as it is stored."""
    data = encoded(coloured(), "JPEG", 6)
    stored = np.asarray(Image.open(io.BytesIO(data)))
    (crop,) = cut(data, {0: CROP}, SIZE).values()
    assert np.array_equal(pixels(crop.data), stored[CROP.top : CROP.bottom, CROP.left : CROP.right])


def test_metadata_of_the_image_are_not_in_its_crops() -> None:
    data = encoded(coloured((1500, 1000)), "JPEG", comment=b"where I live")
    for crop in cut(data, {0: CROP, 1: Rectangle(0, 0, 1500, 1000)}, (1500, 1000)).values():
        assert b"where I live" not in crop.data


def test_the_same_image_gives_the_same_bytes_so_that_answers_are_cached() -> None:
    data = encoded(coloured((1500, 1000)), "JPEG")
    crops = {0: CROP, 1: Rectangle(0, 0, 1500, 1000)}
    assert cut(data, crops, (1500, 1000)) == cut(data, crops, (1500, 1000))
