"""The structure of a PNG file, read without decoding: chunk after chunk, each as long as it says (RFC 2083, 3.2).

OpenCV takes a chunk's length at its word and makes room for it before it reads: 200 bytes that announce 2 GB cost 2 GB
of memory and some seconds, and the worker its life where there is less.
"""

from __future__ import annotations

from yolo.errors import InvalidImage

_SIGNATURE = 8
_HEAD = 8  # of a chunk: four bytes of length, four of type
_CHECKSUM = 4


def check(data: bytes | bytearray) -> None:
    """Raise InvalidImage when a chunk, up to the one that ends the picture, is longer than the rest of the file."""
    position = _SIGNATURE
    while position + _HEAD <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if position + _HEAD + length > len(data):
            raise InvalidImage("The PNG is truncated or damaged, one of its parts is missing: send the whole file")
        if data[position + 4 : position + _HEAD] == b"IEND":
            return
        position += _HEAD + length + _CHECKSUM
