"""The parser of forms: as the library it replaces on sound forms, strict and bounded on others."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser

from gateway.errors import InvalidForm
from gateway.intake.multipart import MAX_HEAD_BYTES, split_parts
from gateway.intake.part import SentFile, read_part


def split(body: bytes, boundary: bytes = b"b") -> list[tuple[str, str | None, bytes]]:
    """Return of each part its field, its file name (None for text) and its content."""
    parts = [read_part(head, data) for head, data in split_parts(body, boundary)]
    return [
        (part.field, part.filename, bytes(part.data))
        if isinstance(part, SentFile)
        else (part.field, None, part.text.encode())
        for part in parts
    ]


def part(head: bytes, data: bytes = b"x") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n"


END = b"--b--\r\n"
ONE = part(b'name="a"') + END
FOUND = [("a", None, b"x")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (ONE, FOUND),
        (ONE.rstrip(), FOUND),
        (b"\r\n" + ONE, FOUND),
        (b"This is a preamble.\r\nOf two lines.\r\n" + ONE, FOUND),
        (ONE + b"an epilogue\r\n--b\r\n", FOUND),
        (ONE.replace(b"--b\r\n", b"--b \t \r\n"), FOUND),
        (ONE.replace(b"\r\n\r\nx\r\n", b"\r\n\r\n\r\n"), [("a", None, b"")]),
        (part(b'name="a"; filename=""', b"") + END, [("a", "", b"")]),
        (part(b'name="a"; filename="C:\\dir\\x.jpg"') + END, [("a", "x.jpg", b"x")]),
        (part(b'name="a;b"; filename="a\\"b"') + END, [("a;b", 'a"b', b"x")]),
        (part(b"name=a") + END, FOUND),
        (part(b'name="a"', b"\r\n--\r\n-b\r\n") + END, [("a", None, b"\r\n--\r\n-b\r\n")]),
        (END, []),
    ],
)
def test_a_sound_form_is_divided(body: bytes, found: list[tuple[str, str | None, bytes]]) -> None:
    assert split(body) == found


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "does not occur"),
        (b"no boundary in here", "does not occur"),
        (part(b'name="a"'), "cut short"),
        (part(b'name="a"') + b"--b", "line break"),
        (part(b'name="a"') + b"--bc\r\n" + END, "line break"),
        (ONE.replace(b"\r\n", b"\n"), "line break"),
        (b"--b\r\n\r\nx\r\n" + END, "no name"),
        (part(b'filename="a"') + END, "no name"),
        (part(b'name="a"\r\nno colon') + END, "no colon"),
        (part(b'name="a"\r\n folded: x') + END, "folded"),
        (part(b'name="a"' + b"\r\nX: y" * 20) + END, "more than 16 headers"),
        (part(b'name="a"\r\nX: ' + b"y" * MAX_HEAD_BYTES) + END, "more than 8192 bytes"),
        (b"--b\r\n" + b"x" * 20_000, "more than 8192 bytes"),
        (b"--b" + b" " * 1000 + b"\r\n" + ONE, "line break"),
    ],
)
def test_an_unsound_form_is_refused_with_its_cause(body: bytes, says: str) -> None:
    with pytest.raises(InvalidForm, match=says):
        split(body)


@pytest.mark.parametrize("boundary", [b"", b"b" * 257])
def test_a_boundary_has_a_length(boundary: bytes) -> None:
    with pytest.raises(InvalidForm, match=r"longer than 256"):
        split(ONE, boundary)


def by_the_library(body: bytes, boundary: bytes) -> list[bytes]:
    """Return the data of every part, as python-multipart finds it."""
    found: list[bytearray] = []
    done: list[bytes] = []
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": lambda: found.append(bytearray()),
            "on_part_data": lambda data, start, end: found[-1].extend(data[start:end]),
            "on_part_end": lambda: done.append(bytes(found[-1])),
        },
    )
    parser.write(body)
    return done


PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"b", b"\r\n--", b"\r\n-b", b" ", b"\0", b"x"]))


@seed(20261129)
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PIECES.map(b"".join), max_size=5), st.binary(max_size=3))
@example([b"\r\n--", b""], b"")
def test_the_data_is_that_which_the_library_finds(contents: list[bytes], epilogue: bytes) -> None:
    contents = [data for data in contents if b"\r\n--b" not in b"\r\n" + data]
    body = b"".join(part(b'name="a"', data) for data in contents) + END + epilogue
    assert [bytes(data) for _, data in split_parts(body, b"b")] == contents == by_the_library(body, b"b")
