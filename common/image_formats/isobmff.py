"""The structure of an AVIF or HEIF file: boxes, items and their properties (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from image_formats import exif
from image_formats.codec_size import av1_size, hevc_size
from image_formats.facts import MOST_PARTS, Damaged, Facts
from image_formats.jpeg2000 import read_box

Bytes = bytes | bytearray
_Range = tuple[int, int]
_SIDEWAYS, _UPRIGHT = 6, 1
_MOST_EXIF = 4_194_304


@dataclass(slots=True)
class _Items:
    """What the box `meta` says. A property is its type and where its content is."""

    primary: int = 0
    properties: list[tuple[bytes, _Range]] = field(default_factory=list)
    of_primary: list[int] = field(default_factory=list)
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, tuple[int, list[_Range]]] = field(default_factory=dict)
    data: _Range = (0, 0)
    #: Boxes, items, their pieces and properties that may still be looked at, in the whole file.
    left: int = 4 * MOST_PARTS

    def count(self) -> None:
        """Count one more. Raises Damaged beyond the last one."""
        self.left -= 1
        if self.left < 0:
            raise Damaged(f"it has more than {4 * MOST_PARTS} boxes, items and properties")


def read(data: Bytes, kind: str) -> Facts:
    """Read the primary image's size and rotation, and the size of every part. Raises Damaged."""
    items, track = _Items(), None
    for name, start, end in _boxes(data, 0, len(data), items):
        if name == b"meta":
            _read_meta(data, start + 4, end, items)
        elif name == b"moov" and bytes(data[8:12]) in (b"avis", b"msf1", b"hevc", b"hevx"):
            track = _track_size(data, start, end, items)
    size, crop, turned, sizes = track, None, False, [track] if track else []
    bits = 8
    for number, (name, (start, end)) in enumerate(items.properties, 1):
        if name == b"ispe":
            found = struct.unpack_from(">II", data, start + 4)
            sizes.append((found[0], found[1]))
            if number in items.of_primary and track is None:
                size = (found[0], found[1])
        elif name == b"clap" and number in items.of_primary:
            crop = _crop(data, start)
        elif name == b"irot" and number in items.of_primary:
            turned = bool(data[start] & 1)
        elif name == b"hvcC":
            sizes.append(hevc_size(bytes(data[start:end])))
        elif name == b"av1C":
            bits = 10 if data[start + 2] & 0x40 else bits
            sizes.append(av1_size(bytes(data[start + 4 : end])))
    if size is None or not (size[0] and size[1]):
        raise Damaged("its header has no image size")
    if crop is not None and kind == "HEIF" and crop[0] <= size[0] and crop[1] <= size[1]:  # libavif crops nothing
        size = crop
    sizes += _inner_sizes(data, items)
    return Facts(
        kind,
        *size,
        _SIDEWAYS if turned else _UPRIGHT,
        max(width * height for width, height in sizes),
        bits,
    )


def _boxes(data: Bytes, position: int, end: int, items: _Items) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's type, and where its content begins and ends. Raises Damaged if there are too many."""
    while position + 8 <= end:
        items.count()
        length, kind, start = read_box(data, position)
        yield kind, start, min(end, position + length)
        position += length


def _read_meta(data: Bytes, start: int, end: int, items: _Items) -> None:
    for name, at, stop in _boxes(data, start, end, items):
        version = data[at] if at < stop else 0
        if name == b"pitm":
            (items.primary,) = struct.unpack_from(">I" if version else ">H", data, at + 4)
        elif name == b"iinf":
            _read_kinds(data, at, stop, version, items)
        elif name == b"iloc":
            _read_places(data, at, version, items)
        elif name == b"idat":
            items.data = (at, stop)
    for name, at, stop in _boxes(data, start, end, items):  # once the primary item is known
        if name == b"iprp":
            for inner, first, last in _boxes(data, at, stop, items):
                if inner == b"ipco":
                    items.properties = [(kind, (one, two)) for kind, one, two in _boxes(data, first, last, items)]
                elif inner == b"ipma":
                    _read_associations(data, first, items)


def _read_kinds(data: Bytes, at: int, stop: int, version: int, items: _Items) -> None:
    for name, start, _ in _boxes(data, at + (8 if version else 6), stop, items):
        if name == b"infe" and data[start] >= 2:
            form = ">IH4s" if data[start] >= 3 else ">HH4s"
            number, _, kind = struct.unpack_from(form, data, start + 4)
            items.kinds[number] = kind


def _read_places(data: Bytes, at: int, version: int, items: _Items) -> None:
    sizes, more = data[at + 4], data[at + 5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version else 0
    if not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        raise Damaged("its item locations are damaged")
    wide = ">I" if version >= 2 else ">H"
    (count,) = struct.unpack_from(wide, data, at + 6)
    position = at + 6 + struct.calcsize(wide)
    for _ in range(count):
        items.count()
        (number,) = struct.unpack_from(wide, data, position)
        position += struct.calcsize(wide)
        method = 0
        if version:
            method = data[position + 1] & 15
            position += 2
        position += 2  # the data reference
        base = _number(data, position, base_size)
        position += base_size
        (pieces,) = struct.unpack_from(">H", data, position)
        position += 2
        places = []
        for _ in range(pieces):
            items.count()
            position += index_size
            offset = base + _number(data, position, offset_size)
            length = _number(data, position + offset_size, length_size)
            position += offset_size + length_size
            places.append((offset, length))
        items.places[number] = (method, places)


def _read_associations(data: Bytes, at: int, items: _Items) -> None:
    version, flags = data[at], data[at + 3]
    (count,) = struct.unpack_from(">I", data, at + 4)
    position = at + 8
    for _ in range(count):
        items.count()
        (number,) = struct.unpack_from(">I" if version else ">H", data, position)
        position += 4 if version else 2
        pieces = data[position]
        position += 1
        width = 2 if flags & 1 else 1
        if number == items.primary:
            mask = 0x7FFF if flags & 1 else 0x7F
            items.of_primary += [
                int.from_bytes(data[position + width * each : position + width * (each + 1)], "big") & mask
                for each in range(pieces)
            ]
        position += width * pieces


def _inner_sizes(data: Bytes, items: _Items) -> list[tuple[int, int]]:
    """Return the sizes that items themselves announce, in a grid's head or a stream's; check Exif metadata."""
    sizes = []
    for number, kind in items.kinds.items():
        if kind not in (b"grid", b"av01", b"hvc1", b"Exif"):
            continue
        method, places = items.places.get(number, (0, []))
        inside = items.data[0] if method == 1 else 0
        if kind == b"Exif":
            if sum(length for _, length in places) > _MOST_EXIF:
                raise Damaged("its Exif metadata are too long")
            content = b"".join(bytes(data[inside + at : inside + at + length]) for at, length in places)
            exif.read_orientation(content[4 + int.from_bytes(content[:4], "big") :])
            exif.read_orientation(content[4:])
            continue
        content = b"".join(bytes(data[inside + at : inside + at + min(length, 4096)]) for at, length in places[:1])
        if kind == b"grid" and len(content) >= 8:
            form = ">II" if content[1] & 1 else ">HH"
            across, down = struct.unpack_from(form, content, 4)
            sizes.append((across, down))
        elif kind == b"av01":
            sizes.append(av1_size(content))
        elif kind == b"hvc1":
            sizes.append(hevc_size(content, in_item=True))
    return sizes


def _crop(data: Bytes, start: int) -> tuple[int, int] | None:
    """Return the (width, height) of a clean aperture, two fractions; None if it is empty."""
    across, of_width, down, of_height = struct.unpack_from(">IIII", data, start)
    if not (of_width and of_height and across >= of_width and down >= of_height):
        return None
    return across // of_width, down // of_height


def _track_size(data: Bytes, start: int, end: int, items: _Items) -> tuple[int, int] | None:
    """Return the largest size of an image sequence's tracks."""
    sizes = []
    for name, first, last in _boxes(data, start, end, items):
        if name != b"trak":
            continue
        for inner, at, _ in _boxes(data, first, last, items):
            if inner == b"tkhd":
                width, height = struct.unpack_from(">II", data, at + (88 if data[at] else 76))
                sizes.append((width >> 16, height >> 16))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _number(data: Bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise Damaged("its item locations are damaged")
    return int.from_bytes(data[at : at + size], "big")
