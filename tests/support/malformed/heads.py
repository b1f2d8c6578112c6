"""Requests whose HTTP head is wrong: lengths that lie, encodings that are none, headers without end."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.support.malformed.pictures import encoded
from tests.support.malformed.upload import Upload

_JPEG = b"image/jpeg"


def broken(rng: random.Random, count: int) -> Iterator[Upload]:
    """Make so many: each known way once, then chunked bodies of noise."""
    good = encoded("JPEG")
    known = [
        Upload("a length that is no number", good, _JPEG, lines=(b"Content-Length: many",)),
        Upload("a negative length", good, _JPEG, lines=(b"Content-Length: -1",)),
        Upload("a length with a sign", good, _JPEG, lines=(b"Content-Length: +%d" % len(good),)),
        Upload("two lengths", good, _JPEG, lines=(b"Content-Length: 1", b"Content-Length: 2")),
        Upload("a length of 40 digits", good, _JPEG, lines=(b"Content-Length: " + b"9" * 40,)),
        Upload("a length of half the picture", good, _JPEG, lines=(b"Content-Length: %d" % (len(good) // 2),)),
        Upload("a length of nothing", good, _JPEG, lines=(b"Content-Length: 0",)),
        Upload("an encoding that is none", good, _JPEG, lines=(b"Transfer-Encoding: gzip",)),
        Upload("chunked twice", good, _JPEG, lines=(b"Transfer-Encoding: chunked, chunked",)),
        Upload("chunks that are none", b"ZZ\r\n" + good, _JPEG, lines=(b"Transfer-Encoding: chunked",)),
        Upload("a chunk of endless size", b"F" * 30 + b"\r\n", _JPEG, lines=(b"Transfer-Encoding: chunked",)),
        Upload("an empty chunked body", b"0\r\n\r\n", _JPEG, lines=(b"Transfer-Encoding: chunked",)),
        Upload("a header without a colon", good, _JPEG, lines=(b"Nonsense",)),
        Upload("a header with a NUL", good, _JPEG, lines=(b"X-Nul: a\0b",)),
        Upload("a header with a blank in its name", good, _JPEG, lines=(b"X Y: 1",)),
        Upload("a header of 60 000 bytes", good, _JPEG, lines=(b"X-Long: " + b"x" * 60_000,)),
        Upload("a thousand headers", good, _JPEG, lines=tuple(b"X-%d: 1" % number for number in range(1000))),
        Upload("a query of 20 000 bytes", good, _JPEG, path="/predict?conf=" + "0" * 20_000),
    ]
    yield from known
    for number in range(count - len(known)):
        body = b"2\r\n\xff\xd8\r\n%x\r\n" % (number + 90) + rng.randbytes(90 + number) + b"\r\n0\r\n\r\n"
        yield Upload(f"noise in chunks {number}", body, _JPEG, lines=(b"Transfer-Encoding: chunked",))
