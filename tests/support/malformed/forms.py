"""Multipart forms that are none, around a good picture; and sound ones with something odd and no picture."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.support.malformed.pictures import encoded
from tests.support.malformed.upload import Upload

_TYPE = b"multipart/form-data; boundary="
_DISPOSITION = b'Content-Disposition: form-data; name="file"; filename="p.jpg"'


def _part(head: bytes, content: bytes, boundary: bytes = b"XX") -> bytes:
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def broken(rng: random.Random, count: int) -> Iterator[Upload]:
    """Make so many: each known way to break a form once, then fuzzed envelopes around data that is not a picture."""
    known = list(_known(encoded("JPEG")))
    for name, content_type, body in known:
        yield Upload(f"form: {name}", body, content_type)
    for number in range(count - len(known)):
        noise = rng.choice((b"", b"hello", rng.randbytes(300), b"\xff\xd8\xff" + rng.randbytes(90), b"\r\n--XX" * 20))
        body = _part(_DISPOSITION, noise) + _part(b'Content-Disposition: form-data; name="conf"', b"0.5") + b"--XX--"
        yield Upload(f"form: fuzzed {number}", _fuzzed(rng, body), _TYPE + b"XX")


def _fuzzed(rng: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                del changed[at]
            case 2:
                changed[at:at] = rng.choice((b"\r\n", b"\r", b"\n", b"--XX", b"\r\n--XX\r\n", b'"', b";", b":", b"\0"))
            case _:
                changed[at : at + rng.randrange(30)] = b""
    return bytes(changed)


def _known(good: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the name, content type and body of each."""
    end = b"--XX--\r\n"
    sound = _part(_DISPOSITION, good) + end
    declared = _TYPE + b"XX"
    yield "no boundary", b"multipart/form-data", sound
    yield "an empty boundary", _TYPE, sound
    yield "an empty boundary in quotes", _TYPE + b'""', sound
    yield "another boundary", _TYPE + b"YY", sound
    yield "an endless boundary", _TYPE + b"X" * 4000, sound
    yield "a boundary of control characters", _TYPE + b"\x01\x7f", sound
    yield "a boundary with half a quote", _TYPE + b'"YY', sound
    yield "no body", declared, b""
    yield "only the end", declared, end
    yield "only a boundary", declared, b"--XX\r\n"
    yield "only line ends", declared, b"\r\n" * 500
    yield "no blank line before the content", declared, sound.replace(b"\r\n\r\n", b"\r\n", 1)
    yield "no line ends at all", declared, sound.replace(b"\r\n", b"")
    yield "lone line feeds", declared, sound.replace(b"\r\n", b"\n")
    yield "lone carriage returns", declared, sound.replace(b"\r\n", b"\r")
    yield "a boundary without dashes", declared, sound.replace(b"--XX", b"XX")
    yield "a part head without a colon", declared, _part(b"Content-Disposition", good) + end
    yield "a part head that begins with a colon", declared, _part(b": x\r\n" + _DISPOSITION, good) + end
    yield "a part head with a NUL in its name", declared, _part(b"X\0Y: 1\r\n" + _DISPOSITION, good) + end
    yield "a folded part head", declared, _part(b"X: 1\r\n folded\r\n" + _DISPOSITION, good) + end
    yield "no Content-Disposition", declared, _part(b"Content-Type: image/jpeg", good) + end
    yield "no name", declared, _part(b'Content-Disposition: form-data; filename="p.jpg"', good) + end
    yield "an empty name", declared, _part(b'Content-Disposition: form-data; name=""; filename="p"', good) + end
    yield "a name of another field", declared, _part(_DISPOSITION.replace(b'"file"', b'"picture"'), good) + end
    yield "a picture without a file name", declared, _part(b'Content-Disposition: form-data; name="file"', good) + end
    yield "an empty file", declared, _part(_DISPOSITION, b"") + end
    yield "two files", declared, _part(_DISPOSITION, good) * 2 + end
    yield "a thousand files", declared, _part(_DISPOSITION, b"x") * 1000 + end
    text = b'Content-Disposition: form-data; name="conf"'
    yield "a thousand fields", declared, _part(text, b"0.5") * 1000 + sound
    yield "a field of a megabyte", declared, _part(text, b"5" * 1_000_000) + sound
    yield "a field twice", declared, _part(text, b"0.5") + _part(text, b"0.6") + sound
    yield "a field that is no UTF-8", declared, _part(text, b"\xff\xfe") + sound
    yield "a field of NULs", declared, _part(text, b"\0\0") + sound
    yield "a form in a form", declared, _part(b"Content-Type: multipart/mixed; boundary=YY\r\n" + _DISPOSITION, sound)
    yield (
        "a picture in base64",
        declared,
        _part(_DISPOSITION + b"\r\nContent-Transfer-Encoding: base64", b"/9j/4AA") + end,
    )
    yield "another kind of multipart", b"multipart/mixed; boundary=XX", sound
    yield "a form of the other kind", b"application/x-www-form-urlencoded", b"file=" + good
    yield "a page as a picture", declared, _part(_DISPOSITION, b"<!doctype html><title>p</title>") + end
    yield "a path as a picture", declared, _part(_DISPOSITION, b"../../etc/passwd") + end
    yield "an SVG", declared, _part(_DISPOSITION, b'<svg xmlns="http://www.w3.org/2000/svg"/>') + end
    yield "a picture behind a line end", declared, _part(_DISPOSITION, b"\r\n" + good) + end
