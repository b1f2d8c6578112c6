"""Hostile JPEGs: segments without end, scans without end, sizes that are lies."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.honest import honest, overlapping_exif


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(*segments: bytes, picture: bytes | None = None) -> bytes:
    """Put segments behind the start of a JPEG."""
    base = picture or honest("JPEG")
    return base[:2] + b"".join(segments) + base[2:]


def sized(data: bytes, width: int, height: int) -> bytes:
    """Let the frame header announce another size."""
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def many_scans(count: int, width: int, height: int) -> bytes:
    """Return a progressive JPEG with so many scans: the decoder goes through the whole image for each."""
    base = sized(honest("JPEG", progressive=True), width, height)
    first = base.index(b"\xff\xda")
    scan = segment(0xDA, b"\1\1\0\1\5\0") + b"\0"  # coefficients 1 to 5 of the first component
    return base[:-2] + scan * count + b"\xff\xd9" if first else base


def pictures(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make them."""
    whole = b"x" * 60_000
    huge = -(-weight // 60_000)
    yield "tiny Exif segments", with_segments(segment(0xE1, b"Exif\0\0ab") * (weight // 12))
    yield "empty Exif segments", with_segments(segment(0xE1, b"Exif\0\0") * (weight // 10))
    yield "large Exif segments", with_segments(segment(0xE1, b"Exif\0\0" + whole) * huge)
    yield "Exif entries that overlap", with_segments(segment(0xE1, b"Exif\0\0" + overlapping_exif()))
    yield "Exif entries below that overlap", with_segments(segment(0xE1, b"Exif\0\0" + overlapping_exif(further=True)))
    yield "fill bytes", with_segments(b"\xff" * weight)
    yield "junk between segments", with_segments(b"\0" * weight)
    yield "escaped bytes", with_segments(b"\xff\0" * (weight // 2))
    yield "restart markers", with_segments(b"\xff\xd0" * (weight // 2))
    yield "tiny comments", with_segments(segment(0xFE, b"") * (weight // 4))
    yield "large comments", with_segments(segment(0xFE, whole) * huge)
    yield "empty application segments", with_segments(segment(0xE5, b"") * (weight // 4))
    yield "tiny XMP", with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0") * (weight // 33))
    yield (
        "Photoshop resources",
        with_segments(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\1\0\0\0\0\0\0" * 4000) * (weight // 48_000)),
    )
    yield "ICC profiles", with_segments(segment(0xE2, b"ICC_PROFILE\0\1\1" + whole) * huge)
    yield "tiny ICC profiles", with_segments(segment(0xE2, b"ICC_PROFILE\0\1\1") * (weight // 18))
    yield "multi-picture entries that overlap", with_segments(segment(0xE2, b"MPF\0" + overlapping_exif()))
    yield "Huffman tables", with_segments(segment(0xC4, b"\0" + bytes(16)) * (weight // 21))
    yield "quantization tables", with_segments(segment(0xDB, b"\0" + b"\1" * 64) * (weight // 69))
    yield "two frame headers", with_segments(segment(0xC0, b"\x08\0\x40\0\x60\1\1\x11\0"))
    yield "8000 × 8000 and nothing", sized(honest("JPEG"), 8000, 8000)
    yield "progressive, 8000 × 8000 and nothing", sized(honest("JPEG", progressive=True), 8000, 8000)
    yield "many scans", many_scans(weight // 11, 96, 64)
    yield "many scans of a large image", many_scans(500, 8000, 8000)
    yield "some scans of a large image", many_scans(40, 8000, 8000)
    yield "the end at once", b"\xff\xd8\xff\xd9" + bytes(weight)
    yield "nothing but starts", b"\xff\xd8" * (weight // 2)
