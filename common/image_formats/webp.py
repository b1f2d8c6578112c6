"""The structure of a WebP file: RIFF chunks (Google's WebP container specification)."""

from __future__ import annotations

import struct

from image_formats import exif
from image_formats.facts import MOST_PARTS, Damaged, Facts

_HAS_EXIF, _IS_ANIMATED = 0x08, 0x02
_MOST_EXIF = 4_194_304


def read(data: bytes | bytearray) -> Facts:
    """Read the canvas, and walk the chunks when metadata are announced. Raises Damaged."""
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise Damaged("it is truncated")
    kind = bytes(data[12:16])
    if kind == b"VP8X" and len(data) >= 30:
        flags = data[20]
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        orientation = _walk(data, bool(flags & _HAS_EXIF))
        mode = "animated" if flags & _IS_ANIMATED else ""
        return Facts("WEBP", width, height, orientation, width * height, mode=mode)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    else:
        raise Damaged("its header is missing")
    return Facts("WEBP", width, height, 1, width * height)


def _walk(data: bytes | bytearray, has_exif: bool) -> int:
    orientation, position = 1, 12
    for _ in range(MOST_PARTS):
        if position + 8 > len(data):
            return orientation
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if has_exif and data[position : position + 4] == b"EXIF":
            if length > _MOST_EXIF:
                raise Damaged("its Exif metadata are too long")
            orientation = exif.read_orientation(bytes(data[position + 8 : position + 8 + length]))
            has_exif = False
        position += 8 + length + (length & 1)
    raise Damaged(f"it has more than {MOST_PARTS} chunks")
