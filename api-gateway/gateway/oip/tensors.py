"""Tensor values in the layout of the binary extension: little-endian, row by row, without padding."""

import math
import struct
from collections.abc import Sequence
from typing import Any

#: Format characters of :mod:`struct` by datatype. BF16 is missing: :mod:`struct` does not support it.
FORMATS = {
    "BOOL": "?",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
_LENGTH = struct.Struct("<I")
#: More than any tensor has. Without bounds, computing the product of a hostile shape could take minutes.
MOST_DIMENSIONS, LARGEST_SIZE = 32, 2**31


class TensorError(ValueError):
    """A tensor's bytes, shape and datatype do not match; the message says how."""


class TooManyElementsError(TensorError):
    """A tensor has more elements than are allowed; the rest has not been read."""

    def __init__(self, most: int) -> None:
        super().__init__(f"a tensor has more than {most} elements")


def pack(datatype: str, values: Sequence[Any]) -> bytes:
    """Write values of a number type, or the elements (``bytes``) of BYTES."""
    if datatype == "BYTES":
        return b"".join(part for value in values for part in (_LENGTH.pack(len(value)), value))
    return struct.pack(f"<{len(values)}{FORMATS[datatype]}", *values)


def unpack(datatype: str, data: bytes | memoryview, most: int | None = None) -> list[Any]:
    """Read all values. Raises :class:`TensorError` for a wrong number of bytes or an unknown datatype.

    Raises :class:`TooManyElementsError` at the first value beyond ``most``: an empty one of BYTES needs four bytes.
    """
    if datatype == "BYTES":
        return _elements(memoryview(data), most)
    if datatype not in FORMATS:
        raise TensorError(f"the datatype {datatype!r} is not supported")
    size = struct.calcsize(f"<{FORMATS[datatype]}")
    if len(data) % size:
        raise TensorError(f"{len(data)} bytes are not a whole number of {datatype} values of {size} bytes each")
    if most is not None and len(data) // size > most:
        raise TooManyElementsError(most)
    return list(struct.unpack(f"<{len(data) // size}{FORMATS[datatype]}", data))


def check_shape(shape: Sequence[int], count: int) -> None:
    """Raise :class:`TensorError` unless ``shape`` holds exactly ``count`` elements."""
    if len(shape) > MOST_DIMENSIONS or not all(map(_is_size, shape)):
        raise TensorError(f"the shape is not a list of at most {MOST_DIMENSIONS} sizes from 0 to {LARGEST_SIZE}")
    if math.prod(shape) != count:
        raise TensorError(f"the shape {list(shape)} means {math.prod(shape)} elements, but there are {count}")


def flatten(data: Any, most: int | None = None) -> list[Any]:
    """Return the elements of a JSON tensor, whose rows may be nested lists or one flat list.

    Raises :class:`TooManyElementsError` at the first one beyond ``most``.
    """
    if not isinstance(data, list):
        return [data]
    flat: list[Any] = []
    # Without recursion: the client chooses the depth of the nesting.
    waiting = [iter(data)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                waiting.append(iter(value))
                break
            if len(flat) == most:
                raise TooManyElementsError(most)
            flat.append(value)
        else:
            waiting.pop()
    return flat


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SIZE


def _elements(data: memoryview, most: int | None) -> list[Any]:
    elements: list[bytes] = []
    position = 0
    while position < len(data):
        if len(elements) == most:
            raise TooManyElementsError(most)
        if position + _LENGTH.size > len(data):
            raise TensorError(f"{len(data) - position} bytes are left over before element {len(elements)}")
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        if position + length > len(data):
            raise TensorError(f"element {len(elements)} declares {length} bytes; {len(data) - position} follow")
        elements.append(bytes(data[position : position + length]))
        position += length
    return elements
