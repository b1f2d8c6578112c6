"""The sample pictures: laid down by set-up, and sent to a version before it may answer clients.

They are copied out of the installed ultralytics package; none is committed.
"""

from __future__ import annotations

import importlib.util
import shutil
import zlib
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.paths import SAMPLES

PICTURES = {"street.jpg": "bus.jpg", "people.jpg": "zidane.jpg"}
# How many pictures a smoke test sends at most.
MOST = 8


def lay_down(directory: Path = SAMPLES) -> list[Path]:
    """Copy the missing sample pictures; return the new ones. Raises OpsError."""
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or spec.origin is None:
        raise OpsError("ultralytics is not installed; run: bash scripts/up.sh")
    assets = Path(spec.origin).parent / "assets"
    copied = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, asset in PICTURES.items():
            target = directory / name
            if not target.exists():
                partial = directory / f".{name}.part"
                shutil.copyfile(assets / asset, partial)
                partial.replace(target)
                copied.append(target)
    except OSError as error:
        raise from_os_error(error, "copying the sample pictures") from error
    return copied


def pictures(folder: Path = SAMPLES) -> dict[str, bytes]:
    """Return the sample pictures by name, or one grey picture where there are none: a smoke test always infers."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return {path.name: path.read_bytes() for path in found[:MOST]} or {"(a grey picture)": grey()}


def grey(side: int = 64) -> bytes:
    """Return a grey PNG of `side` pixels squared."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = (b"\0" + b"\x80" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
