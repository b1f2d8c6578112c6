"""What a first start needs: weights, sample pictures, and an archive of those weights."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.packaging.current import package_current, require_settled
from ops.packaging.package import Package, report
from ops.paths import SAMPLES, STORE, WEIGHTS, current_archive
from ops.setup import weights
from ops.store import archive, releases
from ops.system.files import atomic
from ops.terminal.console import say

# Name of each sample picture, and of the file in the installed ultralytics package that it is a copy of.
PICTURES = {"street.jpg": "bus.jpg", "people.jpg": "zidane.jpg"}


def prepare(
    store: Path = STORE,
    source: Path = WEIGHTS,
    given: str | None = None,
    settle: Callable[[Path], None] = require_settled,
) -> Package | None:
    """Obtain what is missing. Returns the new package, or None if the weights are packaged already. Raises OpsError.

    The weights count as packaged if any kept version was made from them, so that a rollback is not undone. `given` is
    where weights come from if `source` is absent, by default WEIGHTS. `settle`: see `ops.packaging.current`.
    """
    given = os.environ.get("WEIGHTS", "") if given is None else given
    copy_samples()
    current = current_archive(store)
    if not source.is_file() and not given and current.is_file():
        say(f"  archive: version {archive.describe(current).version} (already there)")
        return None
    weights.obtain(source, given)
    if current.is_file() and is_packaged(store, source):
        return None
    made = package_current(source, store, settle)
    report(made)
    return made


def is_packaged(store: Path, source: Path) -> bool:
    """Tell whether the weights were packaged already, and say which version is served and which one they are."""
    digest, present = archive.sha256(source), archive.describe(current_archive(store))
    served = f"  archive: version {present.version}"
    if digest == present.source_sha256:
        say(f"{served} (already there)")
        return True
    kept = [one.version for one in archive.list_kept(store) if one.source_sha256 == digest]
    if kept:
        say(f"{served}; {source.name} is version {kept[-1]}, which is kept and not served")
        say(f"  to serve it: bash scripts/rollback.sh {kept[-1]}")
        return True
    known = releases.read(store)
    if known is not None and known.sources.get(digest, {}).get("outcome", "gone") != "gone":
        gone = known.sources[digest]
        say(f"{served}; {source.name} was version {gone['version']} ({gone['outcome']})")
        say("  to serve it all the same: bash scripts/redeploy.sh models/weights/best.pt")
        return True
    say(f"  {source.name} is new: packaging it")
    return False


def obtain_weights(store: Path = STORE, source: Path = WEIGHTS) -> None:
    """Download weights if `prepare` would need them, and do not load them. Raises OpsError."""
    given = os.environ.get("WEIGHTS", "")
    if not source.is_file() and not given and current_archive(store).is_file():
        say("  weights: not needed, there is an archive")
    else:
        weights.obtain(source, given)


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
