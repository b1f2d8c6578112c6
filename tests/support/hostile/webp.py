"""Hostile WebPs: chunks without end, canvases that are lies."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.honest import honest, overlapping_exif


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """Return a chunk, padded to an even length; it may announce another one."""
    size = len(content) if length is None else length
    return kind + struct.pack("<I", size) + content + b"\0" * (len(content) & 1)


def riff(*chunks: bytes) -> bytes:
    """Return a file of these chunks."""
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def canvas(width: int, height: int, flags: int = 0x08) -> bytes:
    """Return the extended header."""
    return chunk(
        b"VP8X", bytes((flags, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def pictures(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make them."""
    image = honest("WEBP")[12:]
    own = canvas(96, 64)
    animated = canvas(96, 64, 0x02), chunk(b"ANIM", bytes(6))
    frame = struct.pack("<I", 0)[:3] * 2 + (95).to_bytes(3, "little") + (63).to_bytes(3, "little") + bytes(4)
    yield "empty chunks", riff(own, chunk(b"test", b"") * (weight // 8), image)
    yield "empty chunks after the image", riff(own, image, chunk(b"test", b"") * (weight // 8))
    yield "Exif entries that overlap", riff(own, image, chunk(b"EXIF", overlapping_exif(weight)))
    yield "Exif entries below that overlap", riff(own, image, chunk(b"EXIF", overlapping_exif(weight, further=True)))
    yield "Exif without end", riff(own, image, chunk(b"EXIF", overlapping_exif(6_000_000)))
    yield "many Exif chunks", riff(own, image, chunk(b"EXIF", b"II*\0\x08\0\0\0\0\0") * (weight // 18))
    yield "a chunk longer than the file", riff(own, chunk(b"test", b"", 2**32 - 10), image)
    yield "a canvas of 8000 × 8000", riff(canvas(8000, 8000), image)
    yield "a canvas of 16777216 × 16777216", riff(canvas(2**24, 2**24), image)
    yield (
        "an animation of 8000 × 8000",
        riff(canvas(8000, 8000, 2), chunk(b"ANIM", bytes(6)), chunk(b"ANMF", frame + image)),
    )
    yield "frames without end", riff(*animated, chunk(b"ANMF", frame + image) * (weight // (len(image) + 24)))
    yield "empty frames", riff(*animated, chunk(b"ANMF", frame) * (weight // 24))
    yield "profiles", riff(canvas(96, 64, 0x20), chunk(b"ICCP", bytes(1000)) * (weight // 1008), image)
    huge = bytearray(honest("WEBP"))
    struct.pack_into("<HH", huge, 26, 16_383, 16_383)
    yield "lossy, 16383 × 16383 and nothing", bytes(huge)
    huge = bytearray(honest("WEBP"))
    struct.pack_into("<HH", huge, 26, 8000, 8000)
    yield "lossy, 8000 × 8000 and nothing", bytes(huge)
    whole = bytearray(honest("WEBP", lossless=True))
    struct.pack_into("<I", whole, 21, 7999 | 7999 << 14)
    yield "lossless, 8000 × 8000 and nothing", bytes(whole)
    yield "no image", riff(own) + bytes(weight)
