"""The structure of a PNG file: a sequence of chunks, each with its length (RFC 2083, 3.2).

OpenCV allocates a chunk's announced length before it reads: 200 bytes that announce 2 GB cost 2 GB of memory and some
seconds, and kill the worker if less is free. libpng inflates every compressed text and keeps it.
"""

from __future__ import annotations

import zlib

from image_formats import exif
from image_formats.facts import MOST_PARTS, Damaged, Facts

_SIGNATURE = 8
_HEAD = 8  # of a chunk: four bytes of length, four bytes of type
_CHECKSUM = 4
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_TEXTS = (b"zTXt", b"iTXt", b"iCCP")
#: Chunks of the whole file, at 20 MB of less than 400 bytes, and those among them without image data: libpng writes a
#: warning for each that is out of place.
_MOST_CHUNKS, _MOST_OTHER_CHUNKS = 50_000, 2 * MOST_PARTS
_IMAGE_DATA = (b"IDAT", b"fdAT", b"fcTL")
#: What is inflated of texts and profiles, together; and the bytes of one Exif chunk.
_MOST_INFLATED, _MOST_EXIF = 16_777_216, 4_194_304


def read(data: bytes | bytearray) -> Facts:
    """Read the header, and walk the chunks up to the image data. Raises Damaged."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise Damaged("its header is missing")
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        raise Damaged("the checksum of its header is wrong")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits, colour, interlaced = data[24], data[25], data[28]
    if not (width and height) or colour not in _CHANNELS or bits not in (1, 2, 4, 8, 16):
        raise Damaged("its header is damaged")
    orientation, position = 1, _SIGNATURE
    for _ in range(MOST_PARTS):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = bytes(data[position + 4 : position + _HEAD])
        start = position + _HEAD
        if kind == b"IDAT" or len(kind) < 4:
            break
        if kind == b"IHDR" and position > _SIGNATURE:
            raise Damaged("it has two headers")
        if kind == b"eXIf":
            if length > _MOST_EXIF:
                raise Damaged("its Exif metadata are too long")
            orientation = exif.read_orientation(bytes(data[start : start + length]))
        position = start + length + _CHECKSUM
    else:
        raise Damaged(f"it has more than {MOST_PARTS} chunks before its image data")
    mode = f"{bits} bits, interlaced" if interlaced else f"{bits} bits"
    return Facts("PNG", width, height, orientation, width * height, bits, mode, _CHANNELS[colour])


def check(data: bytes | bytearray) -> None:
    """Raise Damaged when a chunk before the end of the image is longer than the rest of the file, or costs too much."""
    position, inflated, others = _SIGNATURE, 0, 0
    for _ in range(_MOST_CHUNKS):
        if position + _HEAD > len(data):
            return
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + _HEAD + length
        kind = data[position + 4 : position + _HEAD]
        if end > len(data):
            raise Damaged("a chunk is incomplete")
        if kind == b"IEND":
            return
        others += kind not in _IMAGE_DATA
        if others > _MOST_OTHER_CHUNKS:
            raise Damaged(f"it has more than {_MOST_OTHER_CHUNKS} chunks besides its image data")
        if kind in _TEXTS:
            text = bytes(data[position + _HEAD : end])
            inflated += _inflated(bytes(kind), text, _MOST_INFLATED - inflated)
            if inflated >= _MOST_INFLATED:
                raise Damaged("its compressed texts are too long")
        position = end + _CHECKSUM
    raise Damaged(f"it has more than {_MOST_CHUNKS} chunks")


def _inflated(kind: bytes, chunk: bytes, most: int) -> int:
    """Return how many bytes the chunk has when it is inflated, or ``most``. Costs little memory."""
    _, _, rest = chunk.partition(b"\0")
    if kind == b"iTXt":
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2] if rest[:1] == b"\1" else b""
    else:
        rest = rest[1:]
    stream, found = zlib.decompressobj(), len(chunk)
    try:
        while rest and found < most and not stream.eof:
            found += len(stream.decompress(rest, 65_536))
            rest = stream.unconsumed_tail
    except zlib.error:
        pass
    return min(found, most)
