"""The structure of a JPEG 2000 file: JP2 boxes and the codestream's main header (ITU-T T.800).

OpenJPEG holds four bytes per sample, twice, and objects for each tile, precinct and code block: a few bytes of header
can announce millions of them.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from image_formats.facts import MOST_PARTS, Damaged, Facts

_SIZ, _COD, _COC, _POC, _SOT, _SOD = 0xFF51, 0xFF52, 0xFF53, 0xFF5F, 0xFF90, 0xFF93
_START = b"\xff\x4f"
_MOST_COMPONENTS, _MOST_LAYERS = 4, 64
#: Tiles of a small image, and pixels per tile of a large one.
_FEW_TILES, _SMALLEST_TILE = 1024, 16_384
#: Exponents of two of the smallest precinct's side, and of the smallest code block's area.
_SMALLEST_PRECINCT, _SMALLEST_BLOCK = 5, 8
_MOST_TILE_PARTS = 16_384
_MOST_LEVELS = 32


def read(data: bytes | bytearray) -> Facts:
    """Read the boxes up to the codestream, and its main header. Raises Damaged."""
    start, size = (0, None) if data[:2] == _START else _codestream(data)
    if data[start : start + 2] != _START:
        raise Damaged("its codestream is missing")
    position, facts = start + 2, None
    for _ in range(MOST_PARTS):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _SOT:
            break
        segment = bytes(data[position + 4 : position + 2 + length])
        if marker == _SIZ:
            if facts is not None:
                raise Damaged("it has two headers")
            facts = _facts(segment)
        elif marker in (_COD, _COC) and facts is not None:
            levels = _check_style(segment, marker == _COC)
            facts = replace(facts, halvings=min(levels, facts.halvings))
        position += 2 + max(2, length)
    else:
        raise Damaged(f"it has more than {MOST_PARTS} segments in its header")
    if facts is None or (size is not None and size != (facts.width, facts.height)):
        raise Damaged("its header contradicts its codestream")
    return replace(facts, scan=position)


def check(data: bytes | bytearray, facts: Facts) -> None:
    """Raise Damaged when a tile changes what the main header says, or when there are too many tile parts."""
    position, segments = facts.scan, 0
    for _ in range(_MOST_TILE_PARTS):
        if position < 0 or position + 12 > len(data) or data[position : position + 2] != b"\xff\x90":
            return
        (length,) = struct.unpack_from(">I", data, position + 6)
        inner = position + 12
        while segments < _MOST_TILE_PARTS:
            marker, size = struct.unpack_from(">HH", data[inner : inner + 4].ljust(4, b"\0"))
            if marker in (_COD, _COC, _POC):
                raise Damaged("one of its tiles has a coding style of its own")
            if marker == _SOD or not marker > 0xFF00:
                break
            inner += 2 + max(2, size)
            segments += 1
        if length == 0:
            return
        position += max(14, length)
    raise Damaged("it has too many tile parts")


def _codestream(data: bytes | bytearray) -> tuple[int, tuple[int, int] | None]:
    """Return where the codestream begins, and the (width, height) of the JP2 header."""
    position, size = 0, None
    for _ in range(MOST_PARTS):
        length, kind, start = read_box(data, position)
        if kind == b"jp2h":
            size = _size(data, start, position + length)
        elif kind == b"jp2c":
            if size is None:
                break
            return start, size
        position += length
    raise Damaged("its header is missing")


def _size(data: bytes | bytearray, position: int, end: int) -> tuple[int, int]:
    for _ in range(MOST_PARTS):
        if position >= end:
            break
        length, kind, start = read_box(data, position)
        if kind == b"ihdr":
            height, width = struct.unpack_from(">II", data, start)
            return width, height
        position += length
    raise Damaged("its header is missing")


def read_box(data: bytes | bytearray, position: int) -> tuple[int, bytes, int]:
    """Return a box's length with its head, its type, and where its content begins. Raises struct.error and Damaged."""
    length, kind = struct.unpack_from(">I4s", data, position)
    start = position + 8
    if length == 1:
        (length,) = struct.unpack_from(">Q", data, start)
        start += 8
    elif length == 0:  # to the end of the file
        length = len(data) - position
    if length < start - position:
        raise Damaged("a box is shorter than its head")
    return length, kind, start


def _facts(segment: bytes) -> Facts:
    _, x, y, left, top, across, down, tile_left, tile_top, components = struct.unpack_from(">HIIIIIIIIH", segment)
    width, height = x - left, y - top
    if width <= 0 or height <= 0 or not (across and down) or not 1 <= components <= _MOST_COMPONENTS:
        raise Damaged("its header is damaged")
    if tile_left > left or tile_top > top:
        raise Damaged("its header is damaged")
    tiles = -(-(x - tile_left) // across) * -(-(y - tile_top) // down)
    if tiles > _FEW_TILES + width * height // _SMALLEST_TILE:
        raise Damaged(f"it has {tiles} tiles")
    samples, bits = 0.0, 0
    for number in range(components):
        depth, apart_x, apart_y = struct.unpack_from(">BBB", segment, 36 + 3 * number)
        if not (apart_x and apart_y):
            raise Damaged("its header is damaged")
        samples += 1 / (apart_x * apart_y)
        bits = max(bits, (depth & 0x7F) + 1)
    if bits > 38:
        raise Damaged("its header is damaged")
    mode = f"{components} components"
    return Facts("JPEG2000", width, height, 1, width * height, bits, mode, samples, halvings=_MOST_LEVELS)


def _check_style(segment: bytes, is_component: bool) -> int:
    """Check a COD or COC segment: its layers, code blocks and precincts. Returns how often the size can be halved."""
    if is_component:
        has_precincts, style = segment[1] & 1, segment[2:]
    else:
        has_precincts, style = segment[0] & 1, segment[5:]
        (layers,) = struct.unpack_from(">H", segment, 2)
        if layers > _MOST_LAYERS:
            raise Damaged(f"it has {layers} quality layers")
    if len(style) < 5 or style[0] > _MOST_LEVELS:
        raise Damaged("its coding style is damaged")
    if style[1] + style[2] + 4 < _SMALLEST_BLOCK:
        raise Damaged("its code blocks are too small")
    # The first precinct is that of the smallest resolution, where as many pixels need fewer of them.
    for resolution, precinct in enumerate(style[5:] if has_precincts else b""):
        smallest = max(1, _SMALLEST_PRECINCT - max(0, style[0] - resolution))
        if precinct & 15 < smallest or precinct >> 4 < smallest:
            raise Damaged("its precincts are too small")
    return style[0]
