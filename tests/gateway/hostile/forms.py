"""Forms that are made to cost more than a picture does. Each is a Content-Type and a body."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence

from tests.gateway.support.pictures import picture

Body = tuple[dict[str, str], bytes]
#: What makes each body, so that not all of them are held at once.
Bodies = Mapping[str, Callable[[], Body]]

JPEG = picture("JPEG")
_END = b"\r\n--b--\r\n"
TYPE = "multipart/form-data; boundary=b"


def part(head: bytes, data: bytes = b"") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data


def _typed(body: bytes, content_type: str = TYPE) -> Body:
    return {"Content-Type": content_type}, body


def files(pictures: Sequence[bytes]) -> Body:
    """Return a form with these files."""
    return _typed(b"\r\n".join(part(b'name="files"; filename="a"', data) for data in pictures) + _END)


def _fields(data: bytes, count: int = 64, more: bytes = b"") -> bytes:
    one = part(b'name="classes"' + more, data)
    return b"\r\n".join([part(b'name="file"; filename="a.jpg"', JPEG), *[one] * count]) + _END


def forms(size: int) -> Bodies:
    """Return hostile forms of about ``size`` bytes, by what they are made of."""
    picture_part = part(b'name="file"; filename="a.jpg"', JPEG)
    text = bytes(range(128, 192)) * 1024  # as large as a field may be, and slow for many codecs
    near = b"\r\n--" + b"b" * 69
    return {
        "a slow codec for the form": lambda: _typed(_fields(text), f"{TYPE}; charset=punycode"),
        "another one": lambda: _typed(_fields(b"xn--" * 16_000), f"{TYPE}; charset=idna"),
        "a slow codec for each part": lambda: _typed(
            _fields(text, more=b"\r\nContent-Type: text/plain; charset=punycode")
        ),
        "a slow codec in a field": lambda: _typed(_fields(text, more=b"").replace(b'"classes"', b'"_charset_"')),
        "a slow codec for names": lambda: _typed(
            b"\r\n".join([part(b"name=\"files\"; filename*=punycode''" + b"a" * 6000)] * 16) + _END
        ),
        "lines that begin like the boundary": lambda: _typed(
            picture_part + b"\r\n--bX" * (size // 6) + _END, "multipart/form-data; boundary=b"
        ),
        "a boundary but for its last letter": lambda: _typed(
            picture_part.replace(b"--b", b"--" + b"b" * 70)
            + near * (size // len(near))
            + b"\r\n--"
            + b"b" * 70
            + b"--",
            f"multipart/form-data; boundary={'b' * 70}",
        ),
        "dashes": lambda: _typed(picture_part + b"\r\n-" * (size // 3) + _END),
        "blanks after the boundary": lambda: _typed(b"--b" + b" " * size + b"\r\n"),
        "a long preamble": lambda: _typed(b"\r\n--" * (size // 4) + picture_part + _END),
        "one header": lambda: _typed(b"--b\r\nX: " + b"y" * size + b"\r\n\r\n" + _END),
        "many headers": lambda: _typed(b"--b\r\n" + b"X: y\r\n" * (size // 6) + b"\r\n" + _END),
        "a header of semicolons": lambda: _typed(
            b'--b\r\nContent-Disposition: form-data; name="' + b';"' * 4000 + b"\r\n\r\n"
        ),
        "many fields": lambda: _typed(b"\r\n".join([part(b'name="a"')] * (size // 50)) + _END),
        "many files": lambda: _typed(b"\r\n".join([part(b'name="files"; filename="a"')] * (size // 60)) + _END),
        "many empty inputs": lambda: _typed(b"\r\n".join([part(b'name="files"; filename=""')] * (size // 60)) + _END),
        "fields of commas": lambda: _typed(_fields(b"0," * 32_000)),
        "unknown fields": lambda: _typed(
            b"\r\n".join([picture_part, *(part(b'name="%d%b"' % (n, b"x" * 8000), b"1") for n in range(64))]) + _END
        ),
        "one large field": lambda: _typed(part(b'name="file"', b"\xff" * size) + _END),
        "one large file that is nothing": lambda: _typed(part(b'name="file"; filename="a.jpg"', b"\xff" * size) + _END),
        "without an end": lambda: _typed(picture_part + b"x" * size),
        "a bomb": lambda: (
            {"Content-Type": TYPE, "Content-Encoding": "gzip"},
            gzip.compress(part(b'name="file"; filename="a"') + bytes(size * 20), 9),
        ),
    }
