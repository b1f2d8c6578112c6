"""The header of a BMP file (Microsoft's BITMAPINFOHEADER and its relatives)."""

from __future__ import annotations

import struct

from image_formats.facts import Damaged, Facts

_MOST_COLOURS = 65_536
_RUN_LENGTH = (1, 2)


def read(data: bytes | bytearray) -> Facts:
    """Read the header. Raises Damaged."""
    (size,) = struct.unpack_from("<I", data, 14)
    compression = 0
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif 36 <= size <= 256:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        (compression,) = struct.unpack_from("<I", data, 30)
        (colours,) = struct.unpack_from("<I", data, 46)
        if colours > _MOST_COLOURS:
            raise Damaged("its palette is too long")
    else:
        raise Damaged("its header is damaged")
    if len(data) < 14 + size:
        raise Damaged("its header is truncated")
    height = abs(height)  # negative: the first row is the upper one
    if width <= 0 or not height:
        raise Damaged("its header has no image size")
    mode = "run-length" if compression in _RUN_LENGTH else f"{bits} bits"
    return Facts("BMP", width, height, 1, width * height, bits, mode, max(1.0, bits / 8))
