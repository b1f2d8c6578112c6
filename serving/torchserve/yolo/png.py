"""The structure of a PNG file, read without decoding: a sequence of chunks, each with its length (RFC 2083, 3.2).

OpenCV allocates a chunk's announced length before it reads: 200 bytes that announce 2 GB cost 2 GB of memory and some
seconds, and kill the worker if less is free.
"""

from __future__ import annotations

from yolo.errors import InvalidImage

_SIGNATURE = 8
_HEAD = 8  # of a chunk: four bytes of length, four bytes of type
_CHECKSUM = 4


def check(data: bytes | bytearray) -> None:
    """Raise InvalidImage when a chunk before the end of the image is longer than the rest of the file."""
    position = _SIGNATURE
    while position + _HEAD <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if position + _HEAD + length > len(data):
            raise InvalidImage("The PNG is truncated or damaged, a chunk is incomplete: send the whole file")
        if data[position + 4 : position + _HEAD] == b"IEND":
            return
        position += _HEAD + length + _CHECKSUM
