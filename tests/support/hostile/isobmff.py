"""Hostile AVIF and HEIF files: boxes, items and properties without end, sizes that are lies."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.honest import honest, overlapping_exif


def box(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """Return a box, which may announce another length."""
    return struct.pack(">I", len(content) + 8 if length is None else length) + kind + content


def avif(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make the AVIFs."""
    return _pictures("AVIF", b"avif", weight)


def heif(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make the HEIFs."""
    return _pictures("HEIF", b"heic", weight)


def _pictures(kind: str, brand: bytes, weight: int) -> Iterator[tuple[str, bytes]]:
    real = honest(kind)
    head = box(b"ftyp", brand + b"\0\0\0\0mif1" + brand)
    size = b"ispe\0\0\0\0" + struct.pack(">II", 96, 64)
    at = real.index(b"ispe") + 8
    lie = real[:at] + struct.pack(">II", 8000, 8000) + real[at + 8 :]
    handler = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    primary = box(b"pitm", bytes(4) + b"\0\1")
    item = box(b"infe", b"\2\0\0\0\0\1\0\0" + {"AVIF": b"av01", "HEIF": b"hvc1"}[kind] + b"\0")
    items = box(b"iinf", bytes(4) + b"\0\1" + item)
    places = box(b"iloc", bytes(4) + b"\x44\0\0\1\0\1\0\0\0\1" + struct.pack(">II", 0, 100))
    ispe = box(b"ispe", bytes(4) + struct.pack(">II", 96, 64))
    linked = box(b"ipma", bytes(4) + struct.pack(">IHBB", 1, 1, 1, 1))

    def meta(
        *more: bytes, kinds: bytes = items, where: bytes = places, props: bytes = ispe, links: bytes = linked
    ) -> bytes:
        return (
            head
            + box(
                b"meta",
                bytes(4)
                + handler
                + primary
                + b"".join(more)
                + kinds
                + where
                + box(b"iprp", box(b"ipco", props) + links),
            )
            + box(b"mdat", bytes(200))
        )

    yield "a size that is a lie", lie
    yield "a size of 2^32 × 2^32", real[:at] + b"\xff" * 8 + real[at + 8 :]
    assert size in real
    first = int.from_bytes(real[:4], "big")
    yield "empty boxes", real[:first] + box(b"free", b"") * (weight // 8) + real[first:]
    yield "empty boxes inside", meta(box(b"free", b"") * (weight // 8))
    yield "properties without end", meta(props=ispe + box(b"free", b"") * (weight // 8))
    yield "sizes without end", meta(props=ispe * (weight // 20))
    yield (
        "associations without end",
        meta(links=box(b"ipma", bytes(4) + struct.pack(">I", 2**32 - 1) + b"\0\1\1\1" * (weight // 4))),
    )
    yield (
        "items without end",
        meta(kinds=box(b"iinf", b"\1\0\0\0" + struct.pack(">I", 2**32 - 1) + item * (weight // len(item)))),
    )
    yield (
        "locations without end",
        meta(
            where=box(
                b"iloc",
                bytes(4) + b"\x44\0\xff\xff" + (b"\0\1\0\0\0\1" + struct.pack(">II", 0, weight)) * (weight // 14),
            )
        ),
    )
    pieces = struct.pack(">II", 0, weight) * 60_000
    yield "an item of pieces without end", meta(where=box(b"iloc", bytes(4) + b"\x44\0\0\1\0\1\0\0\xea\x60" + pieces))
    yield "boxes in boxes", head + _nested(min(weight // 8, 100_000))
    yield "a box longer than the file", head + box(b"meta", bytes(4), 2**31)
    yield "a box of no length", head + struct.pack(">I", 3) + b"meta" + bytes(weight)
    yield "a box of 2^64 bytes", head + struct.pack(">I4sQ", 1, b"meta", 2**64 - 1) + bytes(weight)
    grid = struct.pack(">BBBBHH", 0, 0, 0, 0, 60_000, 60_000)
    lying = box(b"iinf", bytes(4) + b"\0\1" + box(b"infe", b"\2\0\0\0\0\1\0\0grid\0"))
    inside = box(b"iloc", b"\1\0\0\0\x44\0\0\1\0\1\0\1\0\0\0\1" + struct.pack(">II", 0, 8))
    yield "a grid of 60000 × 60000", meta(box(b"idat", grid), kinds=lying, where=inside)
    exif = overlapping_exif(min(weight, 4_000_000))
    two = box(b"iinf", bytes(4) + b"\0\2" + item + box(b"infe", b"\2\0\0\0\0\2\0\0Exif\0"))
    here = box(b"iloc", b"\1\0\0\0\x44\0\0\1\0\2\0\1\0\0\0\1" + struct.pack(">II", 0, len(exif) + 4))
    yield "Exif entries that overlap", meta(box(b"idat", bytes(4) + exif), kinds=two, where=here)
    yield "only the first bytes", head + bytes(weight)
    yield (
        "a sequence without tracks",
        box(b"ftyp", {"AVIF": b"avis", "HEIF": b"hevc"}[kind] + bytes(4))
        + box(b"moov", box(b"trak", b"") * (weight // 8)),
    )
    crowd = box(b"trak", box(b"free", b"") * 900) * (weight // 7208)
    yield (
        "a sequence of crowded tracks",
        box(b"ftyp", {"AVIF": b"avis", "HEIF": b"hevc"}[kind] + bytes(4)) + box(b"moov", crowd),
    )
    yield "many boxes of items", meta(box(b"iinf", bytes(4) + b"\0\1" + item * 900) * (weight // (900 * len(item))))
    yield "many boxes of boxes", head + box(b"meta", bytes(4) + box(b"free", b"") * 900) * (weight // 7212)


def _nested(depth: int) -> bytes:
    total = 8 * depth
    return b"".join(struct.pack(">I4s", total - 8 * each, b"meta") for each in range(depth))
