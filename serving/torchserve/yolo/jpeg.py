"""The structure of a JPEG file, read without decoding: size, precision, and whether its end is present.

libjpeg fills missing data with mid-grey and reports success, and a model finds objects in half an image. So a file is
accepted only when its End Of Image marker follows the scan data. Markers: ITU-T T.81, table B.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from yolo.errors import InvalidImage

END = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0-7, SOI: no length follows
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # without DHT, JPG, DAC


@dataclass(frozen=True, slots=True)
class Frame:
    """A JPEG's frame header as stored, before any EXIF rotation, and the byte offset of its scan data."""

    width: int
    height: int
    precision: int
    scan: int


def frame(data: bytes | bytearray) -> Frame:
    """Walk the segments up to the first scan. Raises InvalidImage when the file ends before it."""
    width = height = precision = 0
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise InvalidImage("The JPEG is truncated inside its header: send the whole file")
        marker = data[position + 1]
        if marker in (0x00, 0xFF) or marker in _STANDALONE:  # stuffing and fill bytes
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in _START_OF_FRAME:
            precision = data[position + 4] if position + 4 < len(data) else 0
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            width = int.from_bytes(data[position + 7 : position + 9], "big")
        position += 2 + max(length, 2)
        if marker == _START_OF_SCAN:
            break
    if not (width and height):
        raise InvalidImage("The JPEG header has no image size")
    return Frame(width, height, precision, scan=position)


def end(data: bytes | bytearray, scan: int) -> int:
    """Return the byte offset of the End Of Image marker after the scan data, -1 when the file is truncated.

    The search starts at the scan: an EXIF thumbnail before it is a JPEG with an end of its own, and phones append
    more data after it. Inside scan data 0xFF is always escaped, so the first match is the marker.
    """
    return data.find(END, scan)
