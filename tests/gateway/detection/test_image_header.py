"""The look at an image's header: what it lets through, what it refuses, and that nothing leaks out of Pillow."""

from __future__ import annotations

import contextlib
import io
import random
import struct

import pytest
from PIL import Image

from gateway.detection.image_header import READ_FORMATS, ImageHeader, read_image_header
from gateway.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from tests.gateway.support.pictures import picture
from tests.support import huge_png

LIMIT = 64_000_000


@pytest.mark.parametrize("kind", READ_FORMATS)
def test_format_and_size_are_read(kind: str) -> None:
    assert read_image_header(picture(kind, (64, 48)), LIMIT) == ImageHeader(kind, 64, 48)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_stored_sideways_has_its_upright_size(kind: str, orientation: int) -> None:
    header = read_image_header(picture(kind, (64, 48), exif_orientation=orientation), LIMIT)
    assert (header.width, header.height) == (48, 64)


@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 9])
def test_other_orientations_keep_width_and_height(orientation: int) -> None:
    header = read_image_header(picture("JPEG", (64, 48), exif_orientation=orientation), LIMIT)
    assert (header.width, header.height) == (64, 48)


def test_a_broken_exif_block_does_not_refuse_the_picture() -> None:
    good = picture("JPEG", (64, 48), exif_orientation=6)
    broken = good.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0\xff").replace(b"Exif\0\0II*\0", b"Exif\0\0II\xff\0")
    assert broken != good
    assert read_image_header(broken, LIMIT).format == "JPEG"


def test_the_pixels_are_never_decoded() -> None:
    # The pixel data of this file is far too short for its size: decoding it would fail.
    assert read_image_header(huge_png(4000, 3000), LIMIT) == ImageHeader("PNG", 4000, 3000)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (100_000, 1000), (2**31 - 1, 2**31 - 1), (8001, 8000)])
def test_too_many_pixels_are_refused_and_no_warning_of_pillow_escapes(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge):
        read_image_header(huge_png(width, height), LIMIT)


def test_between_pillows_warning_and_its_error_our_own_limit_counts() -> None:
    assert read_image_header(huge_png(10_000, 10_000), 100_000_000).width == 10_000


@pytest.mark.parametrize(
    "data",
    [b"hello", b"\0" * 100, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    ids=["text", "zeros", "svg", "pdf", "eps"],
)
def test_what_is_no_picture_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        read_image_header(data, LIMIT)


def test_an_iphones_heic_is_read() -> None:
    assert read_image_header(picture("HEIF", (64, 48)), LIMIT) == ImageHeader("HEIF", 64, 48)


def test_a_damaged_heic_is_told_apart_from_what_is_no_picture() -> None:
    with pytest.raises(InvalidImage, match="HEIC"):
        read_image_header(struct.pack(">I", 24) + b"ftypheic" + bytes(200), LIMIT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000"])
def test_the_first_bytes_of_a_picture_alone_are_an_invalid_one(kind: str) -> None:
    with pytest.raises(InvalidImage):
        read_image_header(picture(kind)[:14], LIMIT)


@pytest.mark.parametrize(
    "rest", [b"", b"\xff", b"\xff\xc0", b"\xff\xc0\0\x0b", b"\xff\xe0\0\0", b"\xff\xfe\0\0" * 2**20, b"\xff" * 2**20]
)
def test_a_jpeg_that_ends_anywhere_or_never_begins_is_an_invalid_one_at_once(rest: bytes) -> None:
    with pytest.raises(InvalidImage, match="cut short"):
        read_image_header(b"\xff\xd8" + rest, 10**6)


def test_whatever_the_bytes_are_only_our_own_errors_come_out() -> None:
    dice = random.Random(7)
    for kind in READ_FORMATS:
        good = bytearray(
            picture(kind, exif_orientation=6) if kind in ("JPEG", "PNG", "WEBP", "TIFF") else picture(kind)
        )
        for _ in range(60):
            bad = bytearray(good[: dice.randrange(1, len(good))] if dice.random() < 0.5 else good)
            for _ in range(dice.randrange(1, 12)):
                bad[dice.randrange(min(len(bad), 200))] = dice.randrange(256)
            with contextlib.suppress(ImageTooLarge, InvalidImage, UnsupportedImage):
                read_image_header(bytes(bad), LIMIT)


def test_what_pillow_knows_by_itself_is_read_before_the_first_heic_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)  # as in a process that has just started
    assert read_image_header(picture("PPM"), LIMIT).format == "PPM"
    with pytest.raises(UnsupportedImage):
        read_image_header(b"text", LIMIT)
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_the_size_that_the_stream_announces_counts_too(kind: str) -> None:
    real = picture(kind, (1920, 1088))
    lie = real.replace(struct.pack(">II", 1920, 1088), struct.pack(">II", 64, 48))
    assert lie != real
    header = read_image_header(lie, LIMIT)
    assert (header.width, header.height) == (64, 48)
    assert header.facts is not None
    assert header.facts.pixels == 1920 * 1088
    with pytest.raises(InvalidImage, match="larger than the image"):
        read_image_header(lie, 1_000_000)


def test_a_frame_of_a_gif_may_be_larger_than_its_screen() -> None:
    data = bytearray(picture("GIF", (640, 480)))
    struct.pack_into("<HH", data, 6, 10, 10)
    assert read_image_header(bytes(data), LIMIT) == ImageHeader("GIF", 640, 480)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_an_avif_stored_sideways_has_its_upright_size(orientation: int) -> None:
    assert read_image_header(picture("AVIF", (64, 48), orientation), LIMIT) == ImageHeader("AVIF", 48, 64)


def test_of_several_tiffs_in_one_file_the_first_is_read() -> None:
    out = io.BytesIO()
    Image.new("L", (64, 48)).save(out, "TIFF", save_all=True, append_images=[Image.new("L", (30, 20))], big_tiff=True)
    assert read_image_header(out.getvalue(), LIMIT) == ImageHeader("TIFF", 64, 48)
