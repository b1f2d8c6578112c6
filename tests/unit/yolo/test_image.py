"""Bytes to pixels: every kind of file that people send, and every kind of damage."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from tests.support import png
from tests.unit.yolo.samples import MAX_PIXELS, blobs, encode, quadrants, turned
from yolo import image
from yolo.errors import ImageTooLarge, InvalidImage, UnsupportedImage


def decode(data: bytes | bytearray, channels: int = 3) -> np.ndarray:
    return image.decode(data, MAX_PIXELS, channels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM"])
def test_every_format_gives_the_picture_that_was_drawn(kind: str) -> None:
    picture = blobs(160, 120)
    found = decode(encode(picture, kind))
    assert found.shape == (120, 160, 3)
    assert found.dtype == np.uint8
    difference = np.abs(found.astype(int) - picture).mean()
    assert difference < (0.01 if kind in ("PNG", "BMP", "TIFF", "PPM") else 12 if kind == "GIF" else 4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_exif_orientation_is_set_upright(kind: str, orientation: int) -> None:
    stored = Image.fromarray(quadrants())
    data = encode(stored, kind, exif=turned(orientation), **({"quality": 95} if kind != "PNG" else {}))
    marked = Image.open(io.BytesIO(encode(stored, "PNG", exif=turned(orientation))))
    expected = np.asarray(ImageOps.exif_transpose(marked).convert("RGB"))
    found = decode(data)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 6


def test_jpeg_pixels_are_those_of_opencv_which_ultralytics_reads_with() -> None:
    data = encode(blobs(301, 203), "JPEG", quality=80, progressive=True)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decode(data)[..., ::-1], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=str)
def test_a_grey_jpeg_of_one_component_has_the_pixels_of_opencv(
    tmp_path: Path, options: dict[str, object], orientation: int
) -> None:
    grey = Image.fromarray(quadrants(97, 61)).convert("L")
    path = tmp_path / "grey.jpg"
    path.write_bytes(encode(grey, "JPEG", exif=turned(orientation), **options))
    data, expected = path.read_bytes(), cv2.imread(str(path))
    with Image.open(path) as stored:
        assert stored.mode == "L"
    assert expected.shape == ((61, 97, 3) if orientation < 5 else (97, 61, 3))
    assert np.array_equal(decode(data)[..., ::-1], expected)
    assert np.array_equal(decode(data, channels=1), expected[..., :1])
    with pytest.raises(InvalidImage, match="truncated"):
        decode(data[:-40])


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 2}, {"optimize": True}], ids=str)
def test_jpeg_variants_are_read(options: dict[str, object]) -> None:
    assert decode(encode(blobs(200, 100), "JPEG", **options)).shape == (100, 200, 3)


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    picture = Image.fromarray(blobs(160, 120))
    found = decode(encode(picture.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(found.astype(int) - np.asarray(picture)).mean() < 5


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_png_modes_become_rgb(mode: str) -> None:
    picture = Image.fromarray(blobs(33, 21)).convert(mode)
    expected = np.asarray(picture.convert("RGB"))
    assert np.array_equal(decode(encode(picture, "PNG")), expected)


def test_alpha_is_dropped_and_not_blended() -> None:
    picture = np.dstack((blobs(20, 10), np.zeros((10, 20), dtype=np.uint8)))
    assert np.array_equal(decode(encode(picture, "PNG")), picture[..., :3])


def test_of_sixteen_bits_the_high_byte_is_kept() -> None:
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    data = cv2.imencode(".png", deep)[1].tobytes()
    assert np.array_equal(decode(data)[..., 0], (deep >> 8).astype(np.uint8))


def test_an_interlaced_png_is_read() -> None:
    picture = blobs(16, 8)
    assert np.array_equal(decode(interlaced(picture)), picture)


def interlaced(picture: np.ndarray) -> bytes:
    """An Adam7 PNG, written by hand because neither library writes one."""
    rows = b""
    for x, y, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        part = picture[y::down, x::across]
        rows += b"".join(b"\0" + row.tobytes() for row in part) if part.size else b""
    return png(picture.shape[1], picture.shape[0], rows, interlaced=True)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_read(kind: str) -> None:
    red, blue = (Image.new("RGB", (24, 16), colour) for colour in ("red", "blue"))
    found = decode(encode(red, kind, save_all=True, append_images=[blue]))
    assert found.shape == (16, 24, 3)
    assert np.abs(found.astype(int) - (255, 0, 0)).mean() < 3


def test_a_grey_model_gets_one_channel() -> None:
    for kind in ("JPEG", "PNG", "GIF"):
        assert decode(encode(blobs(40, 30), kind), channels=1).shape == (30, 40, 1)


def test_a_bytearray_is_read_as_bytes_are() -> None:
    data = encode(blobs(40, 30), "JPEG")
    assert np.array_equal(decode(bytearray(data)), decode(data))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_tiny_pictures_are_read(size: tuple[int, int]) -> None:
    assert decode(encode(blobs(*size), "JPEG")).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("data", [b"", b"hello", b"<html></html>", b"\0" * 1000, b"P6 is a text", b"\xff\xd8", b"BM"])
def test_what_is_no_picture_is_an_invalid_image(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        decode(data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM"])
def test_a_truncated_file_is_an_invalid_image(kind: str, share: float) -> None:
    data = encode(np.random.default_rng(1).integers(0, 255, (64, 80, 3), dtype=np.uint8), kind)
    with pytest.raises(InvalidImage):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0"])
def test_a_png_chunk_that_says_it_is_longer_than_the_file_is_not_given_room(kind: bytes, length: bytes) -> None:
    data = encode(blobs(96, 64), "PNG")
    at = data.index(kind) - 4
    with pytest.raises(InvalidImage, match="PNG is truncated or damaged"):
        decode(data[:at] + length + data[at + 4 :])


def test_what_follows_the_end_of_a_png_does_no_harm() -> None:
    data = encode(blobs(96, 64), "PNG")
    assert np.array_equal(decode(data + b"\xff" * 40), decode(data))


@pytest.mark.parametrize("lost", [1, 2, 3, 40])
def test_a_jpeg_without_its_last_bytes_is_an_invalid_image(lost: int) -> None:
    with pytest.raises(InvalidImage, match="truncated"):
        decode(encode(blobs(200, 100), "JPEG")[:-lost])


def test_a_jpeg_whose_rest_was_never_written_is_an_invalid_image() -> None:
    data = encode(blobs(600, 400), "JPEG", quality=95)
    half = len(data) // 2
    with pytest.raises(InvalidImage, match="truncated"):
        decode(data[:half] + b"\0" * half)


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"exif": turned(6)}],
    ids=["plain", "progressive", "with restart markers", "turned"],
)
def test_a_jpeg_that_was_cut_and_then_closed_is_an_invalid_image(options: dict[str, object]) -> None:
    data = encode(np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8), "JPEG", **options)
    # Of a progressive one the first, coarse pass must be cut: after it there is a picture, if a blurred one.
    cut = data.index(b"\xff\xda") + 100 if "progressive" in options else len(data) // 2
    with pytest.raises(InvalidImage, match="truncated"):
        decode(data[:cut] + b"\xff\xd9")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}], ids=str)
def test_a_grey_picture_is_not_taken_for_a_cut_one(options: dict[str, object]) -> None:
    grey = np.full((100, 100, 3), 128, dtype=np.uint8)
    assert np.array_equal(decode(encode(grey, "JPEG", **options)), grey)
    grey[:50] = blobs(100, 50)
    assert decode(encode(grey, "JPEG", **options)).shape == (100, 100, 3)


def test_what_phones_append_to_a_jpeg_does_no_harm() -> None:
    data = encode(blobs(200, 100), "JPEG")
    assert np.array_equal(decode(data + b"SEFT" + data[:300]), decode(data))
    assert np.array_equal(decode(data + b"\0" * 500), decode(data))


def test_the_thumbnail_in_the_exif_data_is_not_taken_for_the_end() -> None:
    thumbnail = encode(blobs(20, 10), "JPEG")
    data = encode(blobs(200, 100), "JPEG", exif=b"Exif\0\0" + thumbnail)
    assert decode(data).shape == (100, 200, 3)
    with pytest.raises(InvalidImage, match="truncated"):
        decode(data[:-50])


def test_more_pixels_than_allowed_are_refused_by_the_header_alone() -> None:
    data = encode(Image.new("1", (20_000, 20_000)), "PNG")
    with pytest.raises(ImageTooLarge, match="20000 x 20000"):
        decode(data[:200])  # nothing after the header is even there


def test_the_limit_itself_is_allowed() -> None:
    data = encode(blobs(30, 20), "JPEG")
    assert image.decode(data, 600).shape == (20, 30, 3)
    with pytest.raises(ImageTooLarge):
        image.decode(data, 599)


def test_a_jpeg_that_lies_about_its_size_is_refused_before_it_is_decoded() -> None:
    data = bytearray(encode(blobs(32, 32), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageTooLarge):
        decode(data)


def heic(pixels: np.ndarray, orientation: int = 1) -> bytes:
    """Encode a HEIC as a phone does: turned pixels, and a rotation beside them."""
    picture = pillow_heif.from_pillow(Image.fromarray(pixels))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.info["exif"] = exif.tobytes()
    out = io.BytesIO()
    picture.save(out, quality=-1, chroma=444, matrix_coefficients=0)  # lossless
    return out.getvalue()


def test_a_heic_is_read_pixel_by_pixel() -> None:
    pixels = blobs(64, 48)
    assert np.array_equal(decode(heic(pixels)), pixels)


def test_a_heic_is_turned_upright_once() -> None:
    pixels = blobs(64, 48)
    assert np.array_equal(decode(heic(pixels, 6)), np.rot90(pixels, -1))


def test_a_heic_that_is_cut_off_or_too_large_is_refused() -> None:
    data = heic(blobs(64, 48))
    with pytest.raises(InvalidImage, match="HEIF"):
        decode(data[: len(data) // 2])
    with pytest.raises(ImageTooLarge):
        image.decode(data, 64 * 48 - 1)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomavc1" + b"\0" * 80, "MP4"),
        (b"8BPS" + b"\0" * 80, "Photoshop"),
        (b"%PDF-1.7" + b"\0" * 80, "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xff\x0a" + b"\0" * 80, "JPEG XL"),
    ],
)
def test_a_known_format_that_is_not_read_is_named(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedImage, match=name):
        decode(data)


def test_a_twelve_bit_jpeg_is_refused_clearly() -> None:
    data = bytearray(encode(blobs(32, 32), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedImage, match="12-bit"):
        decode(data)


def test_samples_of_thirty_two_bits_are_refused_clearly() -> None:
    with pytest.raises(UnsupportedImage, match="8 bits"):
        decode(encode(Image.fromarray(np.zeros((8, 8), dtype=np.float32)), "TIFF"))


def test_random_damage_never_raises_anything_else() -> None:
    random = np.random.default_rng(3)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"):
        whole = np.frombuffer(encode(blobs(48, 40), kind), dtype=np.uint8)
        for _ in range(40):
            data = whole.copy()
            data[random.integers(0, len(data), 6)] = random.integers(0, 256, 6)
            try:
                picture = decode(data.tobytes())
            except (InvalidImage, UnsupportedImage, ImageTooLarge):
                continue
            assert picture.ndim == 3
