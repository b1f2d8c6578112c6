"""A picture to send where none is named: drawn here, as the pictures of others are not ours to pass on."""

from __future__ import annotations

import struct
import zlib

WIDTH, HEIGHT = 640, 480
#: Colours (RGB) of the sky, the ground, and the boxes (left, top, right, bottom) that stand on it.
SKY, GROUND = (135, 180, 220), (96, 104, 92)
BOXES = (
    ((40, 190, 170, 420), (180, 60, 50)),
    ((250, 150, 330, 440), (60, 70, 160)),
    ((420, 230, 600, 400), (230, 190, 70)),
)


def draw() -> bytes:
    """Return a PNG of a few coloured boxes under a sky; the same bytes each time."""
    return png(WIDTH, HEIGHT, b"".join(_row(y) for y in range(HEIGHT)))


def _row(y: int) -> bytes:
    """Return a row of pixels, after the byte that names its filter (0: none)."""
    shade = y * 48 // HEIGHT
    background = bytes(max(value - shade, 0) for value in (SKY if y < HEIGHT // 2 else GROUND))
    row = bytearray(background * WIDTH)
    for (left, top, right, bottom), colour in BOXES:
        if top <= y < bottom:
            row[3 * left : 3 * right] = bytes(colour) * (right - left)
    return b"\0" + bytes(row)


def png(width: int, height: int, rows: bytes) -> bytes:
    """Return a PNG of 8 bits RGB (https://www.w3.org/TR/png-3/) from its filtered rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
