"""Hostile JPEG 2000 files: tiles, precincts, code blocks and layers by the million, boxes without end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.honest import honest


def siz(width: int, height: int, tile: tuple[int, int], components: int = 1) -> bytes:
    """Return the segment with the sizes."""
    content = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tile, 0, 0, components) + b"\7\1\1" * components
    return b"\xff\x51" + struct.pack(">H", len(content) + 2) + content


def cod(layers: int = 1, levels: int = 5, block: tuple[int, int] = (4, 4), precincts: bytes = b"") -> bytes:
    """Return the segment with the coding style; a code block's side is 2 to the power of its number plus 2."""
    content = struct.pack(">BBHB", bool(precincts), 0, layers, 0) + bytes((levels, *block, 0, 1)) + precincts
    return b"\xff\x52" + struct.pack(">H", len(content) + 2) + content


def qcd(levels: int = 5) -> bytes:
    """Return the segment with the quantization."""
    content = b"\x40" + b"\x40" * (3 * levels + 1)
    return b"\xff\x5c" + struct.pack(">H", len(content) + 2) + content


def tile_part(content: bytes = b"\0" * 16, head: bytes = b"", number: int = 0, length: int | None = None) -> bytes:
    """Return a part of a tile."""
    whole = 14 + len(head) + len(content) if length is None else length
    return b"\xff\x90\0\x0a" + struct.pack(">HIBB", number, whole, 0, 1) + head + b"\xff\x93" + content


def codestream(*segments: bytes, tiles: bytes | None = None) -> bytes:
    """Return a codestream of these segments."""
    return b"\xff\x4f" + b"".join(segments) + (tile_part() if tiles is None else tiles) + b"\xff\xd9"


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box."""
    return struct.pack(">I", len(content) + 8) + kind + content


SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")


def jp2(width: int, height: int, stream: bytes, *more: bytes, components: int = 1) -> bytes:
    """Return a file with these boxes before the codestream."""
    ihdr = box(b"ihdr", struct.pack(">IIHBBBB", height, width, components, 7, 7, 0, 0))
    colour = box(b"colr", b"\1\0\0" + struct.pack(">I", 17 if components == 1 else 16))
    return SIGNATURE + box(b"jp2h", ihdr + colour) + b"".join(more) + box(b"jp2c", stream)


def pictures(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make them."""
    whole = (8000, 8000)
    yield "8000 × 8000 and nothing", codestream(siz(8000, 8000, whole), cod(), qcd())
    yield "8000 × 8000 of four components", codestream(siz(8000, 8000, whole, 4), cod(), qcd())
    yield "8000 × 8000 in boxes", jp2(8000, 8000, codestream(siz(8000, 8000, whole, 3), cod(), qcd()), components=3)
    yield "16384 components", codestream(siz(96, 64, (96, 64), 16_384), cod(), qcd())
    yield "tiles of one pixel", codestream(siz(8000, 8000, (1, 1)), cod(), qcd())
    yield "65535 tiles", codestream(siz(1020, 1028, (4, 4)), cod(), qcd())
    yield "precincts of one pixel", codestream(siz(4000, 4000, (4000, 4000)), cod(precincts=bytes(6)), qcd())
    yield "a precinct of one pixel", codestream(siz(4000, 4000, (4000, 4000)), cod(levels=0, precincts=b"\0"), qcd(0))
    yield "code blocks of 16 pixels", codestream(siz(4000, 4000, (4000, 4000)), cod(block=(0, 0)), qcd())
    yield "65535 layers", codestream(siz(1000, 1000, (1000, 1000)), cod(layers=65_535), qcd())
    yield "33 resolutions", codestream(siz(96, 64, (96, 64)), cod(levels=33), qcd(33))
    style = cod(block=(0, 0), precincts=bytes(6))
    yield (
        "a tile with a style of its own",
        codestream(siz(2000, 2000, (2000, 2000)), cod(), qcd(), tiles=tile_part(head=style)),
    )
    stream = codestream(siz(8000, 8000, whole, 3), cod(), qcd())
    yield "a header that contradicts its codestream", jp2(96, 64, stream, components=3)
    yield "empty boxes", jp2(96, 64, codestream(siz(96, 64, (96, 64)), cod(), qcd()), box(b"free", b"") * (weight // 8))
    yield (
        "empty boxes in the header",
        SIGNATURE + box(b"jp2h", box(b"free", b"") * (weight // 8)) + box(b"jp2c", stream),
    )
    yield "comments", codestream(siz(96, 64, (96, 64)), b"\xff\x64\0\4\0\1" * (weight // 6), cod(), qcd())
    yield "segments of no length", codestream(siz(96, 64, (96, 64)), b"\xff\x64\0\0" * (weight // 4), cod(), qcd())
    yield "parts of a tile", codestream(siz(96, 64, (96, 64)), cod(), qcd(), tiles=tile_part(b"") * (weight // 14))
    yield (
        "segments in a tile",
        codestream(siz(96, 64, (96, 64)), cod(), qcd(), tiles=tile_part(head=b"\xff\x64\0\4\0\1" * (weight // 6))),
    )
    yield "two sizes", codestream(siz(96, 64, (96, 64)), siz(8000, 8000, whole), cod(), qcd())
    real = bytearray(honest("JPEG2000", no_jp2=True))
    struct.pack_into(">II", real, real.index(b"\xff\x51") + 6, 8000, 8000)
    struct.pack_into(">II", real, real.index(b"\xff\x51") + 22, 8000, 8000)
    yield "a real image that says it is 8000 × 8000", bytes(real)
