"""Hostile GIFs, BMPs and PPMs."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.honest import honest


def gif(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make the GIFs."""
    real = honest("GIF")
    begin = 13 + (3 << (real[10] & 7) + 1 if real[10] & 0x80 else 0)
    head, rest = real[:begin], real[begin:]

    def screen(width: int, height: int) -> bytes:
        return real[:6] + struct.pack("<HH", width, height) + real[10:]

    block = b"\xff" + b"x" * 255
    yield "comments", head + (b"!\xfe\1x\0") * (weight // 5) + rest
    yield "a comment without end", head + b"!\xfe" + block * (weight // 256) + b"\0" + rest
    yield "a comment of tiny blocks", head + b"!\xfe" + b"\1x" * (weight // 2) + b"\0" + rest
    yield "empty extensions", head + b"!\x01\0" * (weight // 3) + rest
    yield "control blocks", head + b"!\xf9\4\0\0\0\0\0" * (weight // 8) + rest
    yield "application data", head + b"!\xff\x0bNETSCAPE2.0" + b"\3\1\0\0" * (weight // 4) + b"\0" + rest
    yield "junk", head + b"\1" * weight + rest
    yield "zeros", head + b"\0" * weight + rest
    yield "8000 × 8000 and nothing", screen(8000, 8000)
    yield "65535 × 65535", screen(65_535, 65_535)
    frame = b"," + struct.pack("<HHHHB", 60_000, 60_000, 5000, 5000, 0) + b"\x08\1\0\0"
    yield "a frame beyond the screen", head + frame + b";"
    large = b"," + struct.pack("<HHHHB", 0, 0, 8000, 8000, 0) + b"\x08" + block * (weight // 256) + b"\0;"
    yield "a frame of noise", screen(8000, 8000)[:begin] + large
    yield "frames", real[:-1] + rest[:-1] * (weight // len(rest)) + b";"
    yield "frames of nothing", real[:-1] + (b"," + bytes(9) + b"\x08\0") * (weight // 12)


def bmp(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make the BMPs."""
    pixels = bytes(6144)

    def file(
        width: int,
        height: int,
        bits: int = 24,
        compression: int = 0,
        colours: int = 0,
        size: int = 40,
        offset: int = 54,
    ) -> bytes:
        info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
        return b"BM" + struct.pack("<IHHI", 0, 0, 0, offset) + info

    yield "8000 × 8000 and nothing", file(8000, 8000) + pixels
    yield "8000 × 8000 of one bit", file(8000, 8000, 1) + bytes(8) + pixels
    yield "8000 × 8000 run-length encoded", file(8000, 8000, 8, 1) + bytes(1024) + b"\xff\0" * (weight // 2)
    yield "steps without end", file(8000, 8000, 8, 1) + bytes(1024) + b"\0\2\0\0" * (weight // 4)
    yield "ends of lines", file(8000, 8000, 8, 1) + bytes(1024) + b"\0\0" * (weight // 2)
    yield "run-length encoded, four bits", file(8000, 8000, 4, 2) + bytes(64) + b"\xff\1" * (weight // 2)
    yield "4 billion colours", file(96, 64, 8, colours=2**32 - 1) + bytes(weight)
    yield "a column of 60 megapixels", file(1, 60_000_000)
    yield "a header of 4 GB", file(96, 64, size=2**32 - 1) + bytes(weight)
    yield "the largest size", file(2**31 - 1, 2**31 - 1) + pixels
    yield "the smallest size", file(-(2**31), -(2**31)) + pixels
    yield "upside down", file(8000, -8000) + pixels
    yield "pixels behind the end", file(96, 64, offset=2**32 - 1) + pixels
    yield "a JPEG inside", file(96, 64, 0, 4) + honest("JPEG")
    yield "OS/2", b"BM" + struct.pack("<IHHIIHHHH", 0, 0, 0, 26, 12, 65_535, 65_535, 1, 24) + pixels


def ppm(weight: int) -> Iterator[tuple[str, bytes]]:
    """Make the PBMs, PGMs and PPMs."""
    yield "a comment without end", b"P6\n#" + b"x" * weight + b"\n96 64 255\n" + bytes(18_432)
    yield "comments", b"P6\n" + b"#\n" * (weight // 2) + b"96 64 255\n" + bytes(18_432)
    yield "white space", b"P6\n" + b" " * weight + b"96 64 255\n" + bytes(18_432)
    yield "a long number", b"P6\n" + b"9" * weight + b" 64 255\n"
    yield "zeros before a number", b"P6\n" + b"0" * weight + b"96 64 255\n" + bytes(18_432)
    yield "8000 × 8000 and nothing", b"P6\n8000 8000 255\n"
    yield "a column of 60 megapixels", b"P6\n1 60000000 255\n"
    yield "text", b"P3\n2000 1500 255\n" + b"1 " * (weight // 2)
    yield "text of a large image", b"P3\n8000 8000 255\n" + b"1 " * (weight // 2)
    yield "text of bits", b"P1\n1400 1400\n" + b"1" * weight
    yield "comments in text", b"P3\n2000 1500 255\n" + b"1#\n" * (weight // 3)
    yield "values to be scaled", b"P6\n800 800 254\n" + b"\1" * weight
    yield "deep values to be scaled", b"P5\n1000 1000 65534\n" + b"\1" * weight
    yield "bits", b"P4\n8000 8000\n" + bytes(weight)
    yield "no size", b"P6\n0 0 255\n"
    yield "nothing but white space", b"P6" + b"\n" * weight
