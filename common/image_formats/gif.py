"""The structure of a GIF file up to its first frame (GIF89a specification)."""

from __future__ import annotations

import struct

from image_formats.facts import MOST_PARTS, Damaged, Facts

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_MOST_BLOCKS = 8192  # of up to 255 bytes, in the extensions before the first frame


def read(data: bytes | bytearray) -> Facts:
    """Read the canvas and the first frame, which may be larger. Raises Damaged."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    blocks = 0
    for _ in range(MOST_PARTS):
        kind = data[position]
        if kind == _IMAGE:
            left, top, across, down = struct.unpack_from("<HHHH", data, position + 1)
            width, height = max(width, left + across), max(height, top + down)
            if not (across and down):
                raise Damaged("its first frame has no pixels")
            return Facts("GIF", width, height, 1, width * height)
        if kind == _END:
            break
        if kind != _EXTENSION:  # decoders skip what they do not know
            position += 1
            continue
        position += 2
        while length := data[position]:
            position += 1 + length
            blocks += 1
            if blocks > _MOST_BLOCKS:
                raise Damaged("its metadata are too long")
        position += 1
    raise Damaged("it has no frame where decoders look for one")
