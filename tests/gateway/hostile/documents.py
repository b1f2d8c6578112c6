"""JSON that is made to cost more than a picture does, for /predict, /predict/batch and /v2."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.gateway.hostile.forms import Bodies

TYPE = {"Content-Type": "application/json"}


def documents(size: int, wrap: Callable[[bytes], bytes]) -> Bodies:
    """Return hostile documents of about ``size`` bytes; ``wrap`` puts the JSON of one image where one belongs."""
    small = wrap(b'"AAAA"')
    bodies = {
        "a wide character beside a long text": lambda: wrap(b'"' + b"A" * size + b'\xf0\x9f\x8d\x8b"'),
        "a wide character elsewhere": lambda: wrap(b'"' + b"A" * size + b'"')[:-1] + b', "\xf0\x9f\x8d\x8b": 1}',
        "base64 of nothing": lambda: wrap(b'"' + b"////" * (size // 4) + b'"'),
        "base64 in escapes": lambda: wrap(b'"' + b"\\u002B" * (size // 6) + b'"'),
        "base64 in wide escapes": lambda: wrap(b'"' + b"\\ud83c\\udf4b" * (size // 12) + b'"'),
        "base64 in lines": lambda: wrap(b'"' + b"\\n" * (size // 2) + b'"'),
        "escaped quotation marks": lambda: wrap(b'"' + b'\\"' * (size // 2) + b'"'),
        "backslashes": lambda: wrap(b'"' + b"\\" * size + b'"'),
        "backslashes by sixty": lambda: wrap(b'"' + (b"\\" * 60 + b'\\"') * (size // 62) + b'"'),
        "quotation marks": lambda: b'"' * size,
        "padding": lambda: wrap(b'"' + b"=" * size + b'"'),
        "lists in lists": lambda: b"[" * size,
        "lists in lists, few": lambda: wrap(b"[" * 40_000 + b"]" * 40_000),
        "empty lists": lambda: wrap(b"[" + b"[]," * (size // 3) + b"0]"),
        "empty objects": lambda: wrap(b"[" + b"{}," * (size // 3) + b"0]"),
        "empty texts": lambda: wrap(b"[" + b'"",' * (size // 3) + b"0]"),
        "as many values as may be": lambda: wrap(b"[" + b"{}," * 20_000 + b"0]"),
        "one key again and again": lambda: b"{" + b'"a":1,' * (size // 6) + b'"a":1}',
        "keys": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(8000)) + b"}",
        "a number": lambda: small[:-1] + b', "conf": ' + b"9" * min(size, 60_000) + b"}",
        "a fraction": lambda: small[:-1] + b', "conf": 0.' + b"1" * min(size, 60_000) + b"}",
        "blanks": lambda: small[:-1] + b" " * size + b"}",
        "a long key": lambda: b'{"' + b"k" * size + b'": 1}',
        "a long parameter": lambda: small[:-1] + b', "conf": "' + b"1" * size + b'"}',
        "classes": lambda: small[:-1] + b', "classes": [' + b",".join([b"1"] * 8000) + b"]}",
        "an endless text": lambda: wrap(b'"')[:-1] + b"A" * size,
        "UTF-16": lambda: wrap(b'"' + b"A" * (size // 2) + b'"').decode().encode("utf-16"),
        "bytes that are no text": lambda: wrap(b'"' + b"\xff" * size + b'"'),
    }
    return {
        **{name: lambda make=make: (TYPE, make()) for name, make in bodies.items()},
        "a bomb": lambda: (
            {**TYPE, "Content-Encoding": "gzip"},
            gzip.compress(wrap(b'"' + b"A" * (size * 20) + b'"'), 9),
        ),
        "a slow codec": lambda: ({"Content-Type": "application/json; charset=punycode"}, small),
    }


def one(image: bytes) -> bytes:
    return b'{"image": ' + image + b"}"


def batch(image: bytes) -> bytes:
    return b'{"images": [' + image + b"]}"


def tensor(image: bytes) -> bytes:
    return b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [' + image + b"]}]}"
