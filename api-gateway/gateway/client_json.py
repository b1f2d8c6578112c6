"""JSON that a client sends, parsed in time and memory that do not depend on what is in it.

Python keeps a text at one, two or four bytes for each character, whichever its widest character requires, and an empty
list of three bytes takes sixty. Therefore a long text, which can only be an image, stays in the body as bytes, and what
remains is small: its bytes and the number of its values are bounded before it is parsed.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import strict_json
from gateway.strict_json import JsonError

#: A text of more bytes stays in the body. The longest text that is not an image is a URL (2048 characters).
LONG_TEXT = 4096
#: Each value beyond the first needs one of these characters.
_MARKS = (b",", b"[", b"{")
#: A longer run of backslashes is in no image, URL or name.
_MOST_BACKSLASHES = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most of everything besides long texts: bytes, commas and opening brackets, quotation marks."""

    rest_bytes: int
    marks: int
    quotes: int


def bounds_for(images: int) -> Bounds:
    """Return the bounds of a document with so many images, each with a name and a URL, or as a short text."""
    return Bounds(rest_bytes=64 * 1024 + images * 12 * 1024, marks=8192 + images * 1024, quotes=8192 + images * 64)


@dataclass(frozen=True, slots=True)
class Document:
    """The parsed JSON. In place of each long text is a label."""

    value: Any
    _long: Mapping[str, memoryview]

    def encoded(self, text: str) -> memoryview | None:
        """Return the bytes of a long text as they stand in the body, escapes included; None if ``text`` is no label."""
        return self._long.get(text)


def parse(body: bytes, bounds: Bounds, pairs: Callable[[list[tuple[str, Any]]], object] | None = None) -> Document:
    """Parse a body; its long texts keep referring to it. ``pairs`` is the ``object_pairs_hook`` of :mod:`json`.

    Raises :class:`~gateway.strict_json.JsonError`.
    """
    rest, long = _separate(body, bounds)
    _check_marks(rest, bounds.marks)
    return Document(strict_json.loads(rest, pairs=pairs), long)


def _separate(body: bytes, bounds: Bounds) -> tuple[bytearray, Mapping[str, memoryview]]:
    """Return the document with a label in place of each long text, and the long texts by their labels."""
    whole, rest = memoryview(body), bytearray()
    long: dict[str, memoryview] = {}
    secret = secrets.token_hex(8)  # no text of the client's can be a label
    quotes = copied = 0
    opened = -1
    position = body.find(b'"')
    while position >= 0:
        quotes += 1
        if quotes > bounds.quotes:
            raise JsonError(f"it has more than {bounds.quotes} quotation marks; images as base64 need almost none")
        if opened < 0:
            opened = position
        elif not _is_escaped(body, opened + 1, position):
            if position - opened > LONG_TEXT:
                label = f"text of {position - opened - 1} bytes {secret}-{len(long)}"
                long[label] = whole[opened + 1 : position]
                _append(rest, whole[copied : opened + 1], bounds)
                rest += label.encode()
                copied = position
            opened = -1
        position = body.find(b'"', position + 1)
    if opened >= 0:
        raise JsonError(f"Unterminated text from byte {opened} on; was the body cut short?")
    _append(rest, whole[copied:], bounds)
    return rest, long


def _append(rest: bytearray, part: memoryview, bounds: Bounds) -> None:
    if len(rest) + len(part) > bounds.rest_bytes:
        raise JsonError(f"it has more than {bounds.rest_bytes} bytes besides images as base64")
    rest += part


def _is_escaped(body: bytes, start: int, position: int) -> bool:
    """Return whether the quotation mark at ``position`` belongs to the text that begins at ``start``."""
    if body[position - 1] != 0x5C:
        return False
    before = body[max(start, position - _MOST_BACKSLASHES) : position]
    run = len(before) - len(before.rstrip(b"\\"))
    if run == _MOST_BACKSLASHES:
        raise JsonError(f"it has a run of {_MOST_BACKSLASHES} backslashes or more")
    return run % 2 == 1


def _check_marks(text: bytearray, most: int) -> None:
    if len(text) > most and sum(map(text.count, _MARKS)) > most:
        raise JsonError(f"it has more than {most} commas and brackets; images as base64 need almost none")
