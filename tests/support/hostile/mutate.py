"""Pictures changed at random, by their structure: units repeated, moved and cut, numbers set to extremes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from tests.support.hostile import FORMATS, hostile
from tests.support.hostile.honest import honest

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
#: Variants of honest pictures, with Pillow's options.
_HONEST: dict[str, list[dict[str, object]]] = {
    "JPEG": [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"subsampling": "4:2:0", "quality": 30}],
    "PNG": [{}, {"dpi": (96, 96)}],
    "WEBP": [{}, {"lossless": True}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "jpeg"}],
    "JPEG2000": [{}, {"no_jp2": True}, {"tile_size": (32, 32)}, {"irreversible": True}],
    "AVIF": [{"speed": 10}],
}
_MOST_BYTES = 4_000_000


def mutated(rng: random.Random) -> tuple[str, bytes]:
    """Return a picture and its description."""
    kind = rng.choice(list(FORMATS))
    if rng.random() < 0.4:
        name, data = rng.choice(_hostile(kind, rng))
    else:
        options = rng.choice(_HONEST.get(kind, [{}]))
        size = rng.choice(((96, 64), (1, 1), (640, 480)))
        name, data = f"{kind}: honest {options}", honest(kind, size, **options)
    steps = []
    for _ in range(rng.randrange(4)):
        change = rng.choice(_CHANGES)
        data = change(rng, data)[:_MOST_BYTES]
        steps.append(change.__name__.strip("_"))
    return ", ".join((name, *steps)), data


_KEPT: dict[tuple[str, int], list[tuple[str, bytes]]] = {}


def _hostile(kind: str, rng: random.Random) -> list[tuple[str, bytes]]:
    key = (kind, rng.choice((20_000, 300_000)))
    if key not in _KEPT:
        _KEPT[key] = hostile(*key)
    return _KEPT[key]


def _units(rng: random.Random, data: bytes) -> tuple[int, int]:
    """Return where a unit of the file begins and ends: a segment, chunk or box if one is found, or any piece."""
    starts = [at for at in range(2, min(len(data), 2000)) if _is_unit(data, at)]
    if not starts or rng.random() < 0.2:
        start = rng.randrange(max(1, len(data)))
        return start, min(len(data), start + rng.randrange(1, 200))
    start = rng.choice(starts)
    following = next((at for at in starts if at > start), min(len(data), start + 100))
    return start, following


def _is_unit(data: bytes, at: int) -> bool:
    if data[at] == 0xFF and at + 1 < len(data) and data[at + 1] >= 0x4F:
        return True
    return data[at + 4 : at + 8].isalnum()


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, end = _units(rng, data)
    times = rng.choice((2, 10, 1000, 20_000))
    return data[:start] + data[start:end] * min(times, _MOST_BYTES // max(1, end - start)) + data[end:]


def _move(rng: random.Random, data: bytes) -> bytes:
    start, end = _units(rng, data)
    at = rng.randrange(max(1, min(len(data), 1000)))
    return data[:at] + data[start:end] + data[at:]


def _remove(rng: random.Random, data: bytes) -> bytes:
    start, end = _units(rng, data)
    return data[:start] + data[end:]


def _number(rng: random.Random, data: bytes) -> bytes:
    if len(data) < 8:
        return data
    at = rng.randrange(2, min(len(data), 400) - 3 if len(data) > 6 else 3)
    number = rng.choice((*_NUMBERS, rng.randrange(70_000)))
    packed = struct.pack(rng.choice((">I", "<I")), number) if rng.random() < 0.5 else struct.pack(">H", number & 0xFFFF)
    return data[:at] + packed + data[at + len(packed) :]


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 4, 32))):
        at = rng.randrange(max(1, min(len(data), rng.choice((64, 400, len(data) or 1)))))
        if at < len(changed):
            changed[at] = rng.randrange(256)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(1, len(data) + 1)] if data else data


def _splice(rng: random.Random, data: bytes) -> bytes:
    _, other = rng.choice(_hostile(rng.choice(list(FORMATS)), rng))
    start, end = _units(rng, other)
    at = rng.randrange(max(1, min(len(data), 1000)))
    return data[:at] + other[start:end] * rng.choice((1, 100)) + data[at:]


_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_repeat, _move, _remove, _number, _number, _flip, _cut, _splice),
)
