"""A message of the protocol: a JSON head, followed by the binary data of some tensors."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway import client_json, strict_json
from gateway.client_json import Bounds, Document
from gateway.http.headers import HEAD_LENGTH_HEADER
from gateway.oip.tensors import TensorError, flatten, unpack

#: Digits of the length of a head.
_MOST_DIGITS = 12


def head_length(declared: str | None) -> int | None:
    """Read the header with the length of the head. Raises :class:`TensorError` if it is not a number of bytes."""
    if declared is None:
        return None
    if not (declared.isascii() and declared.isdecimal() and len(declared) <= _MOST_DIGITS):
        raise TensorError(f"{HEAD_LENGTH_HEADER} is not a number of bytes")
    return int(declared)


def split(body: bytes, length: int | None) -> tuple[dict[str, Any], memoryview]:
    """Return the head of a trusted sender as an object, and the data after it.

    A ``length`` of None means that the head is the whole body.
    Raises :class:`TensorError` if the head is longer than the body, or is not a JSON object.
    """
    text, data = _divide(body, length)
    try:
        return _object(strict_json.loads(text)), data
    except strict_json.JsonError as error:
        raise TensorError(f"the JSON cannot be read: {error}") from error


def split_request(body: bytes, length: int | None, bounds: Bounds) -> tuple[dict[str, Any], Document, memoryview]:
    """Return what :func:`split` does for a client's request, and the document of the head, which has its long texts."""
    text, data = _divide(body, length)
    try:
        document = client_json.parse(text, bounds)
    except strict_json.JsonError as error:
        raise TensorError(f"the JSON cannot be read: {error}") from error
    return _object(document.value), document, data


def _divide(body: bytes, length: int | None) -> tuple[bytes, memoryview]:
    if length is None:
        return body, memoryview(b"")
    if length > len(body):
        raise TensorError(f"{HEAD_LENGTH_HEADER} is {length}, but the whole body has {len(body)} bytes")
    return body[:length], memoryview(body)[length:]


def _object(head: Any) -> dict[str, Any]:
    if not isinstance(head, dict):
        raise TensorError("the JSON is not an object")
    return head


def join(head: Mapping[str, Any], binary: Sequence[bytes]) -> tuple[bytes, int | None]:
    """Return the body, and the head's length if binary data follows it."""
    written = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    if not binary:
        return written, None
    return b"".join((written, *binary)), len(written)


def binary_size(tensor: Mapping[str, Any]) -> int | None:
    """Return how many bytes of binary data belong to a tensor; None if its values are in the JSON."""
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise TensorError("binary_data_size is not a number of bytes")
    return size


def take_data(
    tensors: Sequence[Any], binary: memoryview, most: int | None = None
) -> list[bytes | memoryview | list[Any]]:
    """Return each tensor's data: its part of the binary data, or the flat list from the JSON.

    Raises :class:`TensorError` if a tensor has neither or both, or if the binary data has another length, and
    :class:`~gateway.oip.tensors.TooManyElementsError` if a list has more than ``most`` values.
    """
    taken: list[bytes | memoryview | list[Any]] = []
    position = 0
    for tensor in tensors:
        if not isinstance(tensor, dict):
            raise TensorError("a tensor is not a JSON object")
        size = binary_size(tensor)
        if size is None:
            if "data" not in tensor:
                raise TensorError("a tensor has neither 'data' nor the parameter 'binary_data_size'")
            taken.append(flatten(tensor["data"], most))
            continue
        if "data" in tensor:
            raise TensorError("a tensor has both 'data' and the parameter 'binary_data_size'")
        if position + size > len(binary):
            raise TensorError(f"a tensor declares {size} bytes of binary data; {len(binary) - position} follow")
        taken.append(binary[position : position + size])
        position += size
    if position != len(binary):
        raise TensorError(f"{len(binary) - position} bytes of binary data are left over")
    return taken


def values_of(datatype: str, data: bytes | memoryview | list[Any], most: int | None = None) -> list[Any]:
    """Return a tensor's values, at most ``most`` of binary ones; strings from JSON stay strings."""
    return data if isinstance(data, list) else unpack(datatype, data, most)
