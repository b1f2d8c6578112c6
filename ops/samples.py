"""The sample pictures, which a version has to answer before it gets requests of clients. See `ops.setup.prepare`."""

from __future__ import annotations

import zlib
from pathlib import Path

from ops.paths import SAMPLES

# A smoke test sends at most so many pictures.
MOST = 8


def pictures(folder: Path = SAMPLES) -> dict[str, bytes]:
    """Return the sample pictures by name, or one grey picture if there are none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return {path.name: path.read_bytes() for path in found[:MOST]} or {"(a grey picture)": grey()}


def grey(side: int = 64) -> bytes:
    """Return a grey, square PNG with sides of `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = (b"\0" + b"\x80" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
