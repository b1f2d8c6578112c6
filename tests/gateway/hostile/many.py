"""Thousands of small hostile requests of every kind, to see whether memory grows with their number."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from gateway.detection.image_header import read_image_header
from gateway.errors import ApiError
from tests.gateway.hostile.requests import PICTURE, QUICK, Request, bodies, pictures
from tests.support.hostile import FORMATS
from tests.support.hostile.honest import honest
from tests.support.hostile.promises import DECODE_BYTES, MAX_PIXELS

#: Memory is compared with what it was after the first requests, which have every kind.
FIRST = 100
_LOOKS = (FIRST, 1_000, 5_000)
#: None costs seconds to decode.
_SIZE, _MOST_PIXELS = 20_000, 1_000_000


def every_kind() -> list[Request]:
    """Make good pictures of each format, drawn on in each, then hostile requests of each format and route in turn."""
    good = [
        Request(f"good {kind} as {out}", f"/predict{QUICK}&format={out}", PICTURE, honest(kind, (640, 480)))
        for kind in FORMATS
        for out in ("jpeg", "png", "webp")
    ]
    kinds = [
        [request for request in kind if _announced_pixels(request.content) <= _MOST_PIXELS]
        for kind in itertools.chain(pictures(_SIZE, QUICK), pictures(_SIZE, f"{QUICK}&format=jpeg"), bodies(_SIZE))
    ]
    assert len(good) + len(kinds) < FIRST
    for kind in kinds:
        random.Random(12).shuffle(kind)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*kinds))
    return good + [request for request in in_turn if request is not None]


def in_looks(requests: list[Request], total: int) -> Iterator[tuple[int, list[Request]]]:
    """Yield requests, repeated until there are so many, with their number: after each part, look at the memory.

    With each part comes a form in a character set that nobody has heard of before: its name must not be kept.
    """
    endless = itertools.cycle(requests)
    for begin, end in itertools.pairwise([0, *(look for look in _LOOKS if look < total), total]):
        unheard = [
            Request("an unheard-of character set", "/predict", {"Content-Type": f"{_FORM}; charset=x-{number}"}, b"")
            for number in range(begin, end, 10)
        ]
        yield end, [*unheard, *itertools.islice(endless, end - begin - len(unheard))]


_FORM = "multipart/form-data; boundary=b"


def _announced_pixels(picture: bytes) -> int:
    """Return the pixels that a decoder would meet; none if the gateway refuses the picture for its header."""
    try:
        header = read_image_header(picture, MAX_PIXELS, DECODE_BYTES)
    except ApiError:
        return 0
    return header.facts.pixels if header.facts else 0
