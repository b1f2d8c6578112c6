"""Inference requests with binary data that are made to cost more than a picture does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

from tests.gateway.hostile.forms import Bodies, Body

_LENGTH = "Inference-Header-Content-Length"


def _request(binary: bytes, head: dict[str, Any] | bytes | None = None, length: int | None = None) -> Body:
    if not isinstance(head, bytes):
        head = json.dumps({"inputs": [_input(binary_data_size=len(binary))], **(head or {})}).encode()
    return {_LENGTH: str(len(head) if length is None else length)}, head + binary


def _input(shape: object = (1,), **parameters: object) -> dict[str, object]:
    return {"name": "image", "datatype": "BYTES", "shape": shape, "parameters": parameters}


def elements(pictures: Sequence[bytes]) -> Body:
    """Return a request with these images."""
    binary = b"".join(len(data).to_bytes(4, "little") + data for data in pictures)
    return _request(binary, {"inputs": [_input([len(pictures)], binary_data_size=len(binary))]})


def tensors(size: int) -> Bodies:
    """Return hostile requests of about ``size`` bytes."""
    junk = b"\xff" * size
    element = len(junk).to_bytes(4, "little") + junk
    headers, body = _request(element)
    return {
        "elements of nothing": lambda: _request(bytes(size)),
        "elements of one byte": lambda: _request(b"\1\0\0\0x" * (size // 5)),
        "an element that goes on": lambda: _request(b"\xff" * size),
        "an element that is nothing": lambda: _request(element),
        "a picture that is nothing": lambda: ({_LENGTH: "0"}, junk),
        "a head that is not JSON": lambda: _request(b"", junk),
        "a head of quotation marks": lambda: _request(b"", b'"' * size),
        "a head of lists": lambda: _request(b"", b"[" * size),
        "a head of blanks": lambda: _request(b"", b"{" + b" " * size + b"}"),
        "a head with a wide character": lambda: _request(b"", b'{"id": "' + b"A" * size + b'\xf0\x9f\x8d\x8b"}'),
        "a head longer than the body": lambda: _request(junk, {}, length=10**11),
        "inputs": lambda: _request(b"", {"inputs": [_input()] * 4000}),
        "outputs": lambda: _request(b"", {"outputs": [{}] * 12_000}),
        "the same output": lambda: _request(element, {"outputs": [{"name": "boxes"}] * 6000}),
        "parameters": lambda: _request(element, {"parameters": {f"p{number}": number for number in range(8000)}}),
        "sizes": lambda: _request(element, {"inputs": [_input([1] * 30_000, binary_data_size=len(element))]}),
        "large sizes": lambda: _request(element, {"inputs": [_input([2**31] * 32, binary_data_size=len(element))]}),
        "a size of many digits": lambda: _request(
            junk, json.dumps({"inputs": [_input(binary_data_size=0)]}).replace(": 0", ": " + "9" * 4000).encode()
        ),
        "too little data": lambda: _request(junk, {"inputs": [_input(binary_data_size=10**9)]}),
        "data left over": lambda: _request(junk, {"inputs": [_input(binary_data_size=0)]}),
        "lists as data": lambda: _request(
            b"",
            b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": '
            + b"[" * 900
            + b"]" * 900
            + b"}]}",
        ),
        "a bomb": lambda: ({**headers, "Content-Encoding": "gzip"}, gzip.compress(body + bytes(size * 20), 9)),
    }
