"""Pictures made on the spot: good ones, and one that claims more pixels than it holds."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """Return a small picture with some structure."""
    stream = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def png(width: int, height: int, rows: bytes, *, interlaced: bool = False) -> bytes:
    """Write an RGB PNG by hand: a header that claims this size, and these rows, each with its filter byte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def huge_png(width: int = 20_000, height: int = 20_000) -> bytes:
    """Return a PNG whose header promises more pixels than anyone should decode; what a bomb looks like from outside."""
    return png(width, height, bytes(1000))
