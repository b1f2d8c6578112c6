"""Package weights: export them, archive them, try the archive, keep it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.packaging import archiver, trial
from ops.packaging.checksum import require_expected
from ops.packaging.loader import export_apart
from ops.paths import COMMON, SERVING, STORE, WEIGHTS, folder_of, kept_archive, model_of, shown
from ops.store import archive, models, versions
from ops.terminal.console import progress, say, size

# Free space needed, in sizes of the weights: the exported engine is about twice as large, archiving copies both twice,
# the trial unpacks the archive, and the current archive is a copy of it.
ROOM_FACTOR = 13
STALE_S = 3600.0


@dataclass(frozen=True)
class Package:
    """A new archive. Size in bytes."""

    path: Path
    version: str
    size: int
    sha256: str


@contextmanager
def staging(store: Path, weights: Path) -> Iterator[Path]:
    """Yield a private folder on the disk of the store: a full disk is noticed here, and the last step is a link."""
    store = folder_of(store)
    try:
        store.mkdir(parents=True, exist_ok=True)
        for left in store.glob(".package-*"):
            if time.time() - left.stat().st_mtime > STALE_S:  # of an interrupted run; a younger one may be in use
                shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(store).free
        needed = ROOM_FACTOR * weights.stat().st_size
        if free < needed:
            raise OpsError(
                f"{size(free)} free in {store}, packaging needs about {size(needed)}. Free some space; nothing changed"
            )
        with tempfile.TemporaryDirectory(prefix=".package-", dir=store) as directory:
            yield Path(directory).absolute()  # the archiver and the trial run in it
    except OSError as error:
        raise from_os_error(error, "packaging") from error


def package(
    weights: Path = WEIGHTS,
    version: str | None = None,
    note: str = "",
    store: Path = STORE,
    *,
    calibration: Path | None = None,
    fast: bool = False,
    force: bool = False,
    data: Path | None = None,
    max_map_loss: float | None = None,
) -> Package:
    """Package weights as a new version of the store's model, which is kept and not served.

    Raises OpsError; then nothing has changed.

    With `calibration`, a folder of pictures, the OpenVINO model is quantised to int8: with `fast` all of it, otherwise
    without the layers that cost the most agreement. `force` packages it even if its detections agree too little with
    those of fp32. On the labelled set `data` (data.yaml) it may lose `max_map_loss` of
    mAP50-95. To serve the version after a restart: `ops.packaging.current`.
    """
    if not weights.is_file():
        raise OpsError(f"there are no weights at {weights}. Copy your best.pt there, or name it: --weights FILE")
    models.require_own_names(version or following(store), store)
    if version is not None and kept_archive(version, store).exists():
        raise OpsError(f"version {version} already exists. Choose another, or leave --version out for the next one")
    require_expected(weights, str(weights))
    if calibration is not None:
        sys.path += [str(SERVING), str(COMMON)]  # calibration and comparison use the modules that serve
        from ops.packaging.int8 import accuracy, convert

        labelled = None if data is None else accuracy.prepare(data, max_map_loss)
        pictures = convert.prepare(calibration)
    with staging(store, weights) as directory:
        with progress("loading and exporting the weights"):
            metadata, remarks = export_apart(weights, directory / "extra")
        for remark in remarks:
            say(f"  note: {remark}")
        if calibration is not None:
            metadata = convert.convert(directory / "extra", metadata, pictures, force, labelled, fast=fast)
        source = metadata["source"]["sha256"]
        while True:
            number = version or following(store)
            models.require_own_names(number, store)
            attempt = Path(tempfile.mkdtemp(dir=directory))
            shutil.copytree(directory / "extra", attempt / "extra")
            described = {
                "version": number,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "note": note,
                **metadata,
            }
            (attempt / "extra" / archive.METADATA).write_text(json.dumps(described, indent=1, ensure_ascii=False))
            with progress(f"archiving version {number}"):
                built = archiver.build(attempt, weights, number, model_of(store))
                archive.verify_new(built, number, source, model_of(store))
            with progress(f"trying version {number} as the server loads it"):
                trial.run(built, attempt)
            try:
                path = archive.add(built, number, store)
            except FileExistsError:  # a concurrent run took the number
                if version is not None:
                    raise OpsError(f"version {version} was packaged by a concurrent run. Choose another") from None
                continue
            break
    return Package(path, number, path.stat().st_size, archive.sha256(path))


def following(store: Path) -> str:
    """Return the version that a package without a named one gets."""
    return versions.following(kept.version for kept in archive.list_kept(store))


def report(made: Package) -> None:
    """Print what was packaged."""
    say(f"  archive  {shown(made.path)}")
    say(f"  version  {made.version}")
    say(f"  size     {size(made.size)}")
    say(f"  sha256   {made.sha256}")
