"""The first directory of a TIFF file (TIFF 6.0) or a BigTIFF."""

from __future__ import annotations

import struct

from image_formats.exif import ORIENTATION, Directories
from image_formats.facts import Damaged, Facts

_WIDTH, _HEIGHT, _BITS, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 277, 278, 322, 323
_SIZES = (_WIDTH, _HEIGHT, _BITS, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT)
_MOST_SAMPLES, _MOST_BITS = 16, 64
#: A strip or a tile is decoded as a whole: pixels that it may have beyond four times the image's.
_SMALL_TILE = 4_194_304


def read(data: bytes | bytearray) -> Facts:
    """Read the first directory. Raises Damaged."""
    order = "<" if data[:1] == b"I" else ">"
    is_big = 43 in (data[2], data[3])
    (at,) = struct.unpack_from(f"{order}Q", data, 8) if is_big else struct.unpack_from(f"{order}I", data, 4)
    found: dict[int, int] = {}
    for entry in Directories(data, order, is_big).read(at):
        if entry.value is None or entry.tag not in (*_SIZES, ORIENTATION):
            continue
        if entry.tag in found:
            raise Damaged("it has a tag twice")
        found[entry.tag] = entry.value
    width, height = found.get(_WIDTH, 0), found.get(_HEIGHT, 0)
    if width <= 0 or height <= 0:
        raise Damaged("it has no image size")
    samples, bits = max(1, found.get(_SAMPLES, 1)), max(1, found.get(_BITS, 1))
    if samples > _MOST_SAMPLES or bits > _MOST_BITS:
        raise Damaged("it has too many samples per pixel")
    rows = found.get(_ROWS, height)
    across, down = found.get(_TILE_WIDTH, width), found.get(_TILE_HEIGHT, min(max(1, rows), height))
    if across <= 0 or down <= 0 or across * down > max(4 * width * height, _SMALL_TILE):
        raise Damaged("its tiles are larger than the image")
    orientation = found.get(ORIENTATION, 1)
    return Facts(
        "TIFF",
        width,
        height,
        orientation if 1 <= orientation <= 8 else 1,
        width * height,
        bits,
        f"{samples} × {bits} bits",
        samples,
        # A strip or tile is decoded into a buffer of its own.
        kept=samples * bits / 8 * min(1.0, across * down / (width * height)),
    )
