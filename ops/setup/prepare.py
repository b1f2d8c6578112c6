"""What a first start needs: weights, sample pictures, and an archive of those weights."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.packaging.package import Package, package, report
from ops.paths import SAMPLES, STORE, WEIGHTS, current_archive
from ops.setup import weights
from ops.store import archive, releases
from ops.system.files import atomic
from ops.terminal.console import say

# Name of each sample picture, and of the file in the installed ultralytics package that it is a copy of.
PICTURES = {"street.jpg": "bus.jpg", "people.jpg": "zidane.jpg"}


def prepare(store: Path = STORE, source: Path = WEIGHTS) -> Package | None:
    """Obtain what is missing. Returns the new package, or None if the weights are packaged already. Raises OpsError.

    The weights count as packaged if any kept version was made from them, so that a rollback is not undone.
    """
    copy_samples()
    current = current_archive(store)
    if not source.is_file() and current.is_file():
        say(f"  archive: version {archive.describe(current).version} (already there)")
        return None
    weights.obtain(source)
    digest = archive.sha256(source)
    if current.is_file():
        present = archive.describe(current)
        if digest in {present.source_sha256, *(kept.source_sha256 for kept in archive.list_kept(store))}:
            say(f"  archive: version {present.version} (already there)")
            return None
        known = releases.read(store)
        if known is not None and known.sources.get(digest, {}).get("outcome", "gone") != "gone":
            gone = known.sources[digest]
            say(
                f"  archive: version {present.version}; {source.name} was version {gone['version']} ({gone['outcome']})"
            )
            say("  to serve it all the same: bash scripts/redeploy.sh models/weights/best.pt")
            return None
        say(f"  {source.name} is new: packaging it")
    made = package(source, store=store)
    report(made)
    return made


def copy_samples(directory: Path = SAMPLES) -> None:
    """Copy the missing sample pictures out of the installed ultralytics package. Raises OpsError."""
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or spec.origin is None:
        raise OpsError("ultralytics is not installed; run: bash scripts/up.sh")
    assets = Path(spec.origin).parent / "assets"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, asset in PICTURES.items():
            if not (directory / name).exists():
                with atomic(directory / name) as partial:
                    shutil.copyfile(assets / asset, partial)
    except OSError as error:
        raise from_os_error(error, "copying the sample pictures") from error
