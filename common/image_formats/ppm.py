"""The header of a PBM, PGM or PPM file (Netpbm's formats)."""

from __future__ import annotations

import re

from image_formats.facts import Damaged, Facts

#: Comments and white space before a number; possessive, so that the search is linear.
_NUMBER = re.compile(rb"(?:\s++|#[^\r\n]*+[\r\n])++(\d{1,10}+)")
_LONGEST_HEADER = 65_536
#: Pillow copies the text for each comment.
_MOST_COMMENTS = 100
_ONE_BIT, _PLAIN = b"14", b"123"


def read(data: bytes | bytearray) -> Facts:
    """Read the header, which may contain comments. Raises Damaged."""
    head, position, numbers = bytes(data[:_LONGEST_HEADER]), 2, []
    kind = head[1:2]
    for _ in range(2 if kind in _ONE_BIT else 3):
        found = _NUMBER.match(head, position)
        if found is None:
            raise Damaged("its header is damaged")
        numbers.append(int(found[1]))
        position = found.end()
    width, height, most = (*numbers, 1)[:3]
    if not (width and height) or not 0 < most < 65_536:
        raise Damaged("its header is damaged")
    mode = "text" if kind in _PLAIN else "scaled" if most not in (1, 255, 65_535) else ""
    return Facts("PPM", width, height, 1, width * height, 16 if most > 255 else 8, mode)


def check(data: bytes | bytearray, facts: Facts) -> None:
    """Raise Damaged when a text has so many comments that reading it would take minutes."""
    if facts.mode == "text" and data.count(b"#") > _MOST_COMMENTS:
        raise Damaged(f"it has more than {_MOST_COMMENTS} comments")
