"""A multipart body in memory, divided into its parts (RFC 2046, RFC 7578).

Unlike a parser of a stream, it needs no more than a search for the boundary, and its work is proportional to the body
whatever the body contains. A line that begins with the boundary is a boundary, as RFC 2046 says; one that then goes on
differently is an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from gateway.errors import InvalidForm, printable

LONGEST_BOUNDARY = 256
#: The headers of one part.
MAX_HEAD_BYTES, MAX_HEADERS = 8192, 16
#: Bytes searched at a time; no other thread runs meanwhile.
_STEP = 2**20
#: Blanks that a gateway on the way may have put after a boundary.
_END_OF_LINE = re.compile(rb"[ \t]{0,64}\r\n")
_HEADER_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: The file name of RFC 5987, which RFC 7578 forbids and some clients send: character set, language, text.
_EXTENDED_NAME = re.compile(rb"""filename\*\s*=\s*"?([^'";]*)'[^']*'([^;"]*)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``filename`` is None if there is none, ``content_type`` and ``encoding`` are "" if they are absent."""

    name: bytes
    filename: bytes | None
    #: Character set and percent-encoded text of ``filename*``, if there is one.
    extended_name: tuple[bytes, bytes] | None
    content_type: bytes
    encoding: bytes
    data: memoryview


def split_parts(body: bytes, boundary: bytes) -> Iterator[Part]:
    """Yield the parts, whose data keeps referring to ``body``; a preamble and an epilogue are skipped.

    Raises :class:`~gateway.errors.InvalidForm`. The caller stops when there are too many parts.
    """
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise InvalidForm(f"The form's boundary is empty or longer than {LONGEST_BOUNDARY} bytes.")
    delimiter = b"\r\n--" + boundary
    whole = memoryview(body)
    first = -2 if body.startswith(delimiter[2:]) else _find(body, delimiter, 0)
    if first == -1:
        raise InvalidForm("The boundary of the Content-Type header does not occur in the form.")
    position = first + len(delimiter)
    while body[position : position + 2] != b"--":
        line_end = _END_OF_LINE.match(body, position)
        if line_end is None:
            raise InvalidForm("In the form, something other than a line break follows a boundary.")
        start = line_end.end()
        # From two bytes before, so that a part without any header is found too.
        head_end = body.find(b"\r\n\r\n", start - 2, start + MAX_HEAD_BYTES)
        if head_end < 0:
            raise InvalidForm(f"In the form, a part's headers do not end, or have more than {MAX_HEAD_BYTES} bytes.")
        end = _find(body, delimiter, head_end + 2)
        if end < 0:
            raise InvalidForm("The form ends before its last boundary; was the upload cut short?")
        yield _part(body[start:head_end], whole[head_end + 4 : max(end, head_end + 4)])
        position = end + len(delimiter)


def _find(body: bytes, wanted: bytes, start: int) -> int:
    for begin in range(start, len(body), _STEP):
        position = body.find(wanted, begin, begin + _STEP + len(wanted) - 1)
        if position >= 0:
            return position
    return -1


def _part(head: bytes, data: memoryview) -> Part:
    headers: dict[bytes, bytes] = {}
    lines = head.split(b"\r\n", MAX_HEADERS) if head else []
    if len(lines) > MAX_HEADERS:
        raise InvalidForm(f"In the form, a part has more than {MAX_HEADERS} headers.")
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise InvalidForm(f"In the form, {printable(line.decode('ascii', 'replace'))} is not a header of a part.")
        headers[name.lower()] = value.strip(b" \t")
    disposition = headers.get(b"content-disposition", b"")
    options = parse_options_header(disposition)[1]
    if b"name" not in options:
        raise InvalidForm('In the form, a part has no name: Content-Disposition: form-data; name="…" is missing.')
    extended = _EXTENDED_NAME.search(disposition)
    return Part(
        options[b"name"],
        options.get(b"filename"),
        (extended[1], extended[2]) if extended else None,
        headers.get(b"content-type", b""),
        headers.get(b"content-transfer-encoding", b"").lower(),
        data,
    )
