"""What a start needs: weights, sample pictures, and an archive of the weights of each model."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.packaging.current import LOCK_WAIT_S, package_current, require_settled
from ops.packaging.package import Package, following, report
from ops.paths import MODEL, SAMPLES, STORE, WEIGHTS, current_archive, model_of, script, shown, store_of
from ops.setup import weights, weights_folder
from ops.store import archive, intent, lock, models, releases, removal
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
    """Obtain and package what is missing. Returns the new package of `yolo`, None if there is none. Raises OpsError.

    `source` are the weights of `yolo`; those of the other models are in the same folder. Weights count as packaged if
    any kept version was made from them, so that a rollback is not undone. `given` is where weights of `yolo` come from
    if there are none, by default WEIGHTS. `settle`: see `ops.packaging.current`.
    """
    given = os.environ.get("WEIGHTS", "") if given is None else given
    copy_samples()
    made = _prepare_default(store, _of_default(source), given, settle)
    prepare_others(store, source.parent, settle)
    return made


def _of_default(source: Path) -> Path:
    return weights_folder.default_weights(source.parent) if source.name == WEIGHTS.name else source


def _prepare_default(store: Path, source: Path, given: str, settle: Callable[[Path], None]) -> Package | None:
    current = current_archive(store)
    if not source.is_file() and not given and current.is_file():
        say(f"  archive: version {archive.describe(current).version} (already there)")
        return None
    weights.obtain(source, given)
    if current.is_file() and is_packaged(store, source):
        return None
    return _package(store, source, settle)


def prepare_others(store: Path, folder: Path, settle: Callable[[Path], None] = require_settled) -> None:
    """Package the weights of the models other than `yolo` that are new, and say one line for each model.

    What cannot be packaged is reported; the other models are served all the same. Raises OpsError.
    """
    known = models.names(store)
    try:
        found = weights_folder.find(folder, models.taken(store))
    except OSError as error:
        raise from_os_error(error, "listing the weights") from error
    for fault in found.faults:
        say(f"  note: {shown(folder)}: {fault}")
    for model in sorted({*known, *found.files} - {MODEL}):
        try:
            _prepare_other(store_of(model, store), found.files.get(model), settle)
        except OpsError as error:
            say(f"  {model}: not packaged: {error}")
        except OSError as error:
            say(f"  {model}: not packaged: {error.filename or model} cannot be read: {error.strerror}")


def _prepare_other(store: Path, source: Path | None, settle: Callable[[Path], None]) -> None:
    model, current = model_of(store), current_archive(store)
    if intent.read(store) is not None:  # an operation was cut off: whether the model is there may depend on it
        with lock.held(store, lock.UP, LOCK_WAIT_S):
            settle(store)
    models.require_own_names(following(store), store)
    if source is None:
        if current.is_file():
            say(f"  {model}: version {archive.describe(current).version} (already there)")
        return
    removed = removal.read(store)
    if removed and archive.sha256(source) in removed.sources:
        say(f"  {model}: was removed, and its weights are the same. To bring it back:")
        say(f"    bash scripts/models.sh add {shown(source)} --name {model}")
        return
    if not current.is_file():
        say(f"  {model}: {source.name} is new: packaging it")
    elif is_packaged(store, source):
        return
    _package(store, source, settle)
    removal.clear(store)


def _package(store: Path, source: Path, settle: Callable[[Path], None]) -> Package:
    made = package_current(source, store, settle)
    report(made)
    return made


def is_packaged(store: Path, source: Path) -> bool:
    """Tell whether the weights were packaged already, and say which version is served and which one they are."""
    model = model_of(store)
    label = "archive" if model == MODEL else model
    digest, present = archive.sha256(source), archive.describe(current_archive(store))
    served = f"  {label}: version {present.version}"
    if digest == present.source_sha256:
        say(f"{served} (already there)")
        return True
    kept = [one.version for one in archive.list_kept(store) if one.source_sha256 == digest]
    if kept:
        say(f"{served}; {source.name} is version {kept[-1]}, which is kept and not served")
        say(f"  to serve it: {script(f'rollback.sh {kept[-1]}', store)}")
        return True
    known = releases.read(store)
    if known is not None and known.sources.get(digest, {}).get("outcome", "gone") != "gone":
        gone = known.sources[digest]
        say(f"{served}; {source.name} was version {gone['version']} ({gone['outcome']})")
        say(f"  to serve it all the same: {script(f'redeploy.sh models/weights/{source.name}', store)}")
        return True
    say(f"  {'' if model == MODEL else f'{model}: '}{source.name} is new: packaging it")
    return False


def obtain_weights(store: Path = STORE, source: Path = WEIGHTS) -> None:
    """Download weights if `prepare` would need them, and do not load them. Raises OpsError."""
    given = os.environ.get("WEIGHTS", "")
    source = _of_default(source)
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
