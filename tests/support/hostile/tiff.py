"""Hostile TIFFs: directories whose entries overlap, strips and tiles without end or measure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.honest import honest

Tag = tuple[int, int, int, int]
#: tag, type (3: 16 bits, 4: 32 bits), count, value or offset
Tags = list[Tag]


def directory(tags: Tags, data: bytes = b"", count: int | None = None, following: int = 0) -> bytes:
    """Return a little-endian TIFF; ``data`` begins at offset 8."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    at = 8 + len(data)
    return (
        b"II*\0"
        + struct.pack("<I", at)
        + data
        + struct.pack("<H", len(tags) if count is None else count)
        + entries
        + struct.pack("<I", following)
    )


def image(across: int, down: int, **changed: Tag) -> Tags:
    """Return the tags of an uncompressed grey image in one strip at offset 8."""
    tags = {
        "width": (256, 4, 1, across),
        "height": (257, 4, 1, down),
        "bits": (258, 3, 1, 8),
        "compression": (259, 3, 1, 1),
        "photometric": (262, 3, 1, 1),
        "offsets": (273, 4, 1, 8),
        "samples": (277, 3, 1, 1),
        "rows": (278, 4, 1, down),
        "counts": (279, 4, 1, across * down & 0xFFFFFFFF),
    }
    return sorted({**tags, **changed}.values())


def pictures(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make them."""
    pixels = bytes(96 * 64)
    room = bytes(weight)
    base = image(96, 64)
    all_of_it = [(40_000 + each, 7, weight, 8) for each in range(20_000)]
    yield "entries that overlap", directory([*base, *all_of_it], room)
    yield "some entries that overlap", directory([*base, *all_of_it[:400]], room)
    yield "entries without end", directory([*base, *((40_000, 3, 1, 0),) * 60_000], pixels)
    yield "the same tag again", directory([*base, (256, 4, 1, 30_000), (257, 4, 1, 30_000)], pixels)
    below = struct.pack("<H", 20_000) + b"".join(struct.pack("<HHII", 0x9000, 7, weight, 8) for _ in range(20_000))
    yield "entries below that overlap", directory([*base, (0x8769, 4, 1, 8)], below.ljust(weight, b"\0"))
    yield (
        "directories that refer to each other",
        directory([*base, (0x8769, 4, 1, 8)], struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + pixels),
    )
    yield (
        "strips without end",
        directory(
            image(96, 64, offsets=(273, 4, weight // 4, 8), counts=(279, 4, weight // 4, 8), rows=(278, 4, 1, 1)), room
        ),
    )
    yield (
        "a tile of 30000 × 30000",
        directory(
            [
                *(tag for tag in base if tag[0] not in (273, 278, 279)),
                (322, 4, 1, 30_000),
                (323, 4, 1, 30_000),
                (324, 4, 1, 8),
                (325, 4, 1, 6144),
            ],
            pixels,
        ),
    )
    yield (
        "tiles of one pixel",
        directory(
            [
                *(tag for tag in image(8000, 8000) if tag[0] not in (273, 278, 279)),
                (322, 4, 1, 1),
                (323, 4, 1, 1),
                (324, 4, weight // 8, 8),
                (325, 4, weight // 8, 8),
            ],
            room,
        ),
    )
    yield "8000 × 8000 and nothing", directory(image(8000, 8000), pixels)
    yield "8000 × 8000 of 64 bits", directory(image(8000, 8000, bits=(258, 3, 1, 64), samples=(277, 3, 1, 4)), pixels)
    yield "65535 samples", directory(image(96, 64, samples=(277, 3, 1, 65_535)), pixels)
    yield "bits without end", directory(image(96, 64, bits=(258, 3, weight // 2, 8)), room)
    yield "one directory after another", directory(base, pixels, following=8 + len(pixels))
    yield "a directory behind the end", b"II*\0" + struct.pack("<I", 2**32 - 2) + room
    yield "BigTIFF with 2^63 entries", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63) + room
    yield "4 billion values", directory(image(96, 64, width=(256, 4, 2**32 - 1, 8)), room)
    yield "no pixels", directory(image(0, 64), pixels)
    bomb = honest("TIFF", (3000, 3000), compression="tiff_adobe_deflate")
    yield "strips that inflate", bomb
