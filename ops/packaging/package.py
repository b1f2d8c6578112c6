"""Weights in, a served archive out: load, export, archive, verify, keep, make current."""

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
from ops.packaging import archiver
from ops.paths import SERVING, STORE, WEIGHTS, kept_archive, shown
from ops.store import archive, lock, versions
from ops.terminal.console import say, size, step

# The weights, the exported engine (about twice the weights), two copies of both while archiving, and yolo.mar.
ROOM_FACTOR = 10
STALE_S = 3600.0
# A redeploy or rollback holds the lock for seconds; longer and somebody should look.
LOCK_WAIT_S = 300.0


@dataclass(frozen=True)
class Package:
    """What a package run made. Size in bytes."""

    path: Path
    version: str
    size: int
    sha256: str


@contextmanager
def staging(store: Path, weights: Path) -> Iterator[Path]:
    """A private directory on the store's own disk: a full disk shows here, and the last step is a link."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        for left in store.glob(".package-*"):
            if time.time() - left.stat().st_mtime > STALE_S:  # an interrupted run's; a younger one may be at work
                shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(store).free
        needed = ROOM_FACTOR * weights.stat().st_size
        if free < needed:
            raise OpsError(
                f"{size(free)} free in {store}, packaging needs about {size(needed)}. Free some space; nothing changed"
            )
        with tempfile.TemporaryDirectory(prefix=".package-", dir=store) as directory:
            yield Path(directory)
    except OSError as error:
        raise from_os_error(error, "packaging") from error


def package(
    weights: Path = WEIGHTS,
    version: str | None = None,
    note: str = "",
    store: Path = STORE,
    *,
    calibration: Path | None = None,
    force: bool = False,
    current: bool = True,
) -> Package:
    """Package weights as a new version and make it the current one. Raises OpsError; then nothing has changed.

    Without `current` the version is only kept: what is served, now and after a restart, stays what it is.

    With `calibration`, a folder of pictures, the OpenVINO model is quantised to int8; `force` packages it also when it
    agrees too little with fp32.
    """
    if not weights.is_file():
        raise OpsError(f"there are no weights at {weights}. Copy your best.pt there, or name it: --weights FILE")
    if version is not None and kept_archive(versions.check(version), store).exists():
        raise OpsError(f"version {version} is already there. Choose another, or leave --version out for the next one")
    if calibration is not None:
        sys.path.append(str(SERVING))  # the modules that serve are those that calibrate and compare
        from ops.packaging.int8 import convert

        pictures = convert.prepare(calibration)
    with staging(store, weights) as directory:
        with step("loading and exporting the weights"):
            # Imported late: ultralytics takes seconds, and every check above comes first.
            from ops.packaging.export import ExportError, export

            try:
                metadata = export(weights, directory / "extra")
            except ExportError as error:
                raise OpsError(f"{weights}: {error}. Nothing changed") from error
        if calibration is not None:
            metadata = convert.convert(directory / "extra", metadata, pictures, force)
        source = archive.sha256(weights)
        while True:
            number = version or versions.following(kept.version for kept in archive.kept(store))
            attempt = Path(tempfile.mkdtemp(dir=directory))
            shutil.copytree(directory / "extra", attempt / "extra")
            described = {
                "format": 1,
                "version": number,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "note": note,
                **metadata,
                "source": {"name": weights.name, "sha256": source, "bytes": weights.stat().st_size},
            }
            (attempt / "extra" / archive.METADATA).write_text(json.dumps(described, indent=1, ensure_ascii=False))
            with step(f"archiving version {number}"):
                built = archiver.build(attempt, weights, number)
                archive.verify(built, number, source)
            try:
                kept_path = archive.keep(built, number, store)
            except FileExistsError:  # another run took the number meanwhile
                if version is not None:
                    raise OpsError(f"version {version} appeared meanwhile. Choose another") from None
                continue
            break
    path = kept_path
    if current:
        try:
            # Not while a redeploy or rollback decides the same thing.
            with lock.held(store, f"package of {number}", wait_s=LOCK_WAIT_S):
                path = archive.make_current(kept_path, store)
        except OpsError:
            kept_path.unlink()  # a version that never served is no way back
            raise
    return Package(path, number, path.stat().st_size, archive.sha256(path))


def report(made: Package) -> None:
    """Print what a package run made."""
    say(f"  archive  {shown(made.path)}")
    say(f"  version  {made.version}")
    say(f"  size     {size(made.size)}")
    say(f"  sha256   {made.sha256}")
