"""A multipart body in memory, divided into its parts (RFC 2046).

Unlike a parser of a stream, it needs no more than a search for the boundary, and its work is proportional to the body
whatever the body contains. A line that begins with the boundary is a boundary, as RFC 2046 says; one that then goes on
differently is an error.
"""

import re
from collections.abc import Iterator

from gateway.errors import InvalidForm

LONGEST_BOUNDARY = 256
#: The headers of one part.
MAX_HEAD_BYTES = 8192
#: Bytes searched at a time; no other thread runs meanwhile.
_STEP = 2**20
#: Blanks that a gateway on the way may have put after a boundary.
_END_OF_LINE = re.compile(rb"[ \t]{0,64}\r\n")


def split_parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield each part's headers and its content, which keeps referring to ``body``; skip a preamble and an epilogue.

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
        yield body[start:head_end], whole[head_end + 4 : max(end, head_end + 4)]
        position = end + len(delimiter)


def _find(body: bytes, wanted: bytes, start: int) -> int:
    for begin in range(start, len(body), _STEP):
        position = body.find(wanted, begin, begin + _STEP + len(wanted) - 1)
        if position >= 0:
            return position
    return -1
