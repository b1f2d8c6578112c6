"""Hostile PNGs: chunks without end, texts that inflate a thousandfold."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tests.support.hostile.honest import honest, overlapping_exif


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """Return a chunk, which may announce another length."""
    size = len(content) if length is None else length
    return struct.pack(">I", size) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, bits: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    """Return the signature and the header."""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))


def with_chunks(*chunks: bytes, at_end: bool = False) -> bytes:
    """Put chunks behind the header of a PNG, or before its end."""
    base = honest("PNG")
    at = len(base) - 12 if at_end else 33
    return base[:at] + b"".join(chunks) + base[at:]


def inflating(length: int) -> bytes:
    """Return a zlib stream of this length that inflates a thousandfold: a block of zeros, repeated."""
    deflate = zlib.compressobj(9)
    head = deflate.compress(b"") + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(2**20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return head + block * (length // len(block))


def pictures(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make them."""
    megabyte = zlib.compress(bytes(2**20), 9)
    bomb = inflating(weight)
    tiny = zlib.compress(b"text")
    data = zlib.compress(bytes(1000))
    yield "compressed texts of a megabyte", with_chunks(chunk(b"zTXt", b"k\0\0" + megabyte) * (weight // len(megabyte)))
    yield "tiny compressed texts", with_chunks(chunk(b"zTXt", b"k\0\0" + tiny) * (weight // 27))
    yield "compressed texts at the end", with_chunks(chunk(b"zTXt", b"k\0\0" + megabyte) * 900, at_end=True)
    yield "international texts of a megabyte", with_chunks(chunk(b"iTXt", b"k\0\1\0\0\0" + megabyte) * 900)
    yield "a text that inflates to gigabytes", with_chunks(chunk(b"zTXt", b"k\0\0" + bomb))
    yield "a profile that inflates to gigabytes", with_chunks(chunk(b"iCCP", b"k\0\0" + bomb))
    yield "empty chunks", with_chunks(chunk(b"teST", b"") * (weight // 12))
    yield "empty chunks at the end", with_chunks(chunk(b"teST", b"") * (weight // 12), at_end=True)
    yield "tiny texts", with_chunks(chunk(b"tEXt", b"k\0t") * (weight // 15))
    yield "Exif entries that overlap", with_chunks(chunk(b"eXIf", overlapping_exif(weight, order=">")))
    yield "Exif entries that overlap, at the end", with_chunks(chunk(b"eXIf", overlapping_exif(weight)), at_end=True)
    yield "palettes", with_chunks(chunk(b"PLTE", bytes(768)) * (weight // 780))
    yield "a chunk of two gigabytes", with_chunks(chunk(b"teST", b"", 2**31 - 1))
    yield "image data of two gigabytes", header(96, 64) + chunk(b"IDAT", data, 2**31 - 1)
    yield "empty image data", header(96, 64) + chunk(b"IDAT", b"") * (weight // 12) + chunk(b"IEND", b"")
    yield "two headers", header(96, 64) + header(8000, 8000)[8:] + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    yield "8000 × 8000 and nothing", header(8000, 8000) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    deep = header(8000, 8000, 16, 6, 1)
    yield "8000 × 8000, deep, interlaced", deep + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    zeros = zlib.compress(bytes(8001 * 8000 // 8), 9)
    yield "8000 × 8000 of one bit", header(8000, 8000, 1, 0) + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")
    frame = struct.pack(">IIIIIHHBB", 1, 96, 64, 0, 0, 1, 1, 0, 0)
    animation = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + chunk(b"fcTL", frame) * (weight // 38)
    yield "frames of an animation", with_chunks(animation)
    yield (
        "a large frame of an animation",
        with_chunks(
            chunk(b"acTL", struct.pack(">II", 2, 0)),
            chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 30_000, 30_000, 0, 0, 1, 1, 0, 0)),
        ),
    )
