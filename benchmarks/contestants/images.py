"""The images that are sent: the same files, in the same order, to every server."""

from __future__ import annotations

from pathlib import Path

from benchmarks.paths import PHOTOS, SAMPLES
from ops.errors import OpsError

SUFFIXES = (".jpg", ".jpeg")


def find_images(directory: Path | None = None) -> list[Path]:
    """Return the JPEGs of a directory, by default of ../shared/photos (if it exists) and samples/. Raises OpsError."""
    directories = [directory] if directory else [PHOTOS, SAMPLES]
    found = [
        path
        for one in directories
        if one.is_dir()
        for path in sorted(one.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if not found:
        where = " and ".join(map(str, directories))
        raise OpsError(f"no JPEG in {where}. Name a directory that has some: --pictures DIR")
    return found
