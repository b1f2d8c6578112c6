"""Pictures made on the spot: none of anyone else's is kept in the repository."""

from __future__ import annotations

import io
import struct
import zlib

import pillow_heif
from PIL import Image


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), exif_orientation: int | None = None) -> bytes:
    """Encode a gradient of ``size`` (width, height)."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    out = io.BytesIO()
    if kind == "HEIF":  # Pillow writes none itself
        pillow_heif.from_pillow(image).save(out)
        return out.getvalue()
    options = {}
    if exif_orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = exif_orientation
        options["exif"] = exif
    image.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Write a PNG that claims a size and has hardly any pixels: what a decompression bomb looks like from outside."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    )
