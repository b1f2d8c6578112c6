"""The format and the size of an image, read from its header before anything is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image

from yolo import jpeg
from yolo.errors import ImageTooLarge, InvalidImage, UnsupportedImage

# MAX_IMAGE_PIXELS replaces Pillow's limit: it is configurable, checked before decoding, and answers 413.
Image.MAX_IMAGE_PIXELS = None

SUPPORTED = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "JPEG2000", "PPM")

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


@dataclass(frozen=True, slots=True)
class Header:
    """Format and stored size in pixels (before EXIF rotation); `scan` is a JPEG's first scan offset, else 0."""

    format: str
    width: int
    height: int
    scan: int = 0


def read(data: bytes | bytearray, max_pixels: int) -> Header:
    """Recognise the format and check the size.

    Raises InvalidImage (empty or not an image), UnsupportedImage (a known format that is not supported) or
    ImageTooLarge (more than `max_pixels`).
    """
    if not data:
        raise InvalidImage("The image is empty: send the bytes of an image file")
    kind = sniff(data)
    if kind is None:
        raise InvalidImage("Not a supported image format: send a JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC file")
    if kind not in SUPPORTED:
        raise UnsupportedImage(f"{kind} files are not supported: send the image as JPEG, PNG or WebP")
    header = _jpeg(data) if kind == "JPEG" else _pillow(data, kind)
    if header.width * header.height > max_pixels:
        raise ImageTooLarge(
            f"The image has {header.width} x {header.height} pixels, more than the allowed {max_pixels}: scale it down"
        )
    return header


def sniff(data: bytes | bytearray) -> str | None:
    """Return the format by its first bytes: one of SUPPORTED, the name of another known format, or None."""
    start = bytes(data[:64])
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "PPM"
    if start[4:8] == b"ftyp":
        brands = {start[8:12]} | {start[at : at + 4] for at in range(16, min(int.from_bytes(start[:4], "big"), 64), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIF" if brands & _HEIF_BRANDS else "MP4 or QuickTime"
    return None


def _jpeg(data: bytes | bytearray) -> Header:
    frame = jpeg.frame(data)
    if frame.precision != 8:
        raise UnsupportedImage(f"{frame.precision}-bit JPEG files are not supported: send 8 bits per sample")
    return Header("JPEG", frame.width, frame.height, frame.scan)


def register_decoder(kind: str) -> None:
    """Register the HEIF decoder with Pillow at the first such file: loading it takes 0.1 s."""
    if kind == "HEIF" and "HEIF" not in Image.OPEN:
        import pi_heif

        pi_heif.register_heif_opener()


def _pillow(data: bytes | bytearray, kind: str) -> Header:
    register_decoder(kind)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            width, height = picture.size
    except Exception as error:  # damaged bytes make Pillow's parsers raise any error
        raise InvalidImage(f"The {kind} file is damaged: its header cannot be read") from error
    if not (width and height):
        raise InvalidImage(f"The {kind} file has no pixels")
    return Header(kind, width, height)
