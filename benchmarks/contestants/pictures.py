"""Which pictures are sent: the same files, in the same order, to everyone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.paths import PHOTOS, SAMPLES
from ops.errors import OpsError

SUFFIXES = (".jpg", ".jpeg")


def find(directory: Path | None = None) -> list[Path]:
    """Return the JPEGs of a directory, or of ../shared/photos (where it is there) and samples/. Raises OpsError."""
    directories = [directory] if directory else [PHOTOS, SAMPLES]
    found = [
        path
        for one in directories
        if one.is_dir()
        for path in sorted(one.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if not found:
        where = " and ".join(str(one) for one in directories)
        raise OpsError(f"no JPEG in {where}. Name a directory with some: --pictures DIR")
    return found


def digest(paths: list[Path]) -> str:
    """Return a short digest of the pictures' bytes, in order."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]
