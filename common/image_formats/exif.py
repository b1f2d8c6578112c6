"""Exif metadata, which are a small TIFF file, and the directories of both (TIFF 6.0, section 2).

An entry may refer to any bytes of the file, all entries to the same ones, and a parser that copies each value then
copies gigabytes. So the bytes of all values together are bounded by the file's length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from image_formats.facts import Damaged

ORIENTATION = 0x0112
#: Bytes of one value, by the type's number, and how numbers are read.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_ONE_BYTE = (1, 2, 6, 7)
#: The tags that refer to a further directory: Exif, GPS, interoperability.
_FURTHER = (0x8769, 0x8825, 0xA005)
_MOST_DIRECTORIES, _MOST_ENTRIES = 4, 1000
#: Each value becomes an object, and each strip or tile one more.
_MOST_VALUES = 100_000


def read_orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8; 1 if there is none or the block is unreadable, as decoders do.

    Raises Damaged if a parser would take long.
    """
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", block, 4)
        entries = Directories(block, order).read(at)
    except struct.error:
        return 1
    found = [entry.value for entry in entries if entry.tag == ORIENTATION]
    value = found[-1] if found else None
    return value if value is not None and 1 <= value <= 8 else 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A tag, the number of its values, and the first one if it is an integer."""

    tag: int
    count: int
    value: int | None


@dataclass(slots=True)
class Directories:
    """The directories of a block of data; `order` is < or >, and a big one is that of BigTIFF."""

    data: bytes | bytearray
    order: str
    is_big: bool = False
    _entries: int = 0
    _copied: int = 0

    def read(self, at: int) -> list[Entry]:
        """Return the entries of the directory at this offset, once it and those that it refers to are checked.

        Raises struct.error when it is cut short, and Damaged when a parser would take long.
        """
        found = list(self._read(at))
        further = [entry.value for entry in found if entry.tag in _FURTHER and entry.value]
        for number, offset in enumerate(further):
            if number == _MOST_DIRECTORIES:
                raise Damaged("its metadata have too many directories")
            try:
                further += [entry.value for entry in self._read(offset) if entry.tag in _FURTHER and entry.value]
            except struct.error:
                continue
        return found

    def _read(self, at: int) -> Iterator[Entry]:
        long = f"{self.order}Q" if self.is_big else f"{self.order}I"
        head = struct.Struct(f"{self.order}HHQ" if self.is_big else f"{self.order}HHI")
        (count,) = struct.unpack_from(f"{self.order}Q" if self.is_big else f"{self.order}H", self.data, at)
        at += 8 if self.is_big else 2
        inline = 8 if self.is_big else 4
        for _ in range(count):
            self._entries += 1
            if self._entries > _MOST_ENTRIES:
                raise Damaged("its metadata have too many entries")
            tag, kind, values = head.unpack_from(self.data, at)
            size, place = SIZES.get(kind, 0) * values, at + head.size
            if size > inline:
                (place,) = struct.unpack_from(long, self.data, place)
                self._copied += max(0, min(size, len(self.data) - place))
                if self._copied > 2 * len(self.data):
                    raise Damaged("the entries of its metadata overlap")
                if values > _MOST_VALUES and kind not in _ONE_BYTE:
                    raise Damaged("an entry of its metadata has too many values")
            yield Entry(tag, values, self._value(kind, place) if values else None)
            at += head.size + inline

    def _value(self, kind: int, place: int) -> int | None:
        code = _CODES.get(kind)
        if code is None or place + SIZES[kind] > len(self.data):
            return None
        value: int = struct.unpack_from(f"{self.order}{code}", self.data, place)[0]
        return value
