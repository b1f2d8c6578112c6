"""Small honest pictures, as the start of hostile ones."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import pillow_heif
from PIL import Image


@lru_cache(maxsize=64)
def _encoded(kind: str, size: tuple[int, int], options: tuple[tuple[str, Any], ...]) -> bytes:
    across, down = (Image.linear_gradient("L").rotate(turn).resize(size) for turn in (0, 90))
    image = Image.merge("RGB", (across, down, across))
    out = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(out)
    else:
        image.save(out, kind, **dict(options))
    return out.getvalue()


def honest(kind: str, size: tuple[int, int] = (96, 64), **options: Any) -> bytes:
    """Encode a small colourful picture."""
    return _encoded(kind, size, tuple(sorted(options.items())))


def overlapping_exif(length: int = 60_000, further: bool = False, order: str = "<") -> bytes:
    """Return Exif metadata whose thousands of entries each refer to all of it; a copy of each is gigabytes.

    With ``further``, the entries are in the directory that the first one refers to.
    """
    import struct

    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    begin = 8
    start = b""
    if further:
        start = struct.pack(f"{order}HHHII", 1, 0x8769, 4, 1, 30) + bytes(4)
        start = start.ljust(22, b"\0")
        begin = 30
    count = min(65_535, (length - begin - 2) // 12)
    entries = b"".join(struct.pack(f"{order}HHII", 0x9000 + each % 1000, 7, length - 10, 8) for each in range(count))
    return (head + start + struct.pack(f"{order}H", count) + entries).ljust(length, b"\0")
