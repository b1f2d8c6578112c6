"""A version that another machine has released becomes a kept one here."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import detection_profile
from ops.errors import LockedError, NoSuchVersionError, OpsError, from_os_error
from ops.paths import MODEL, current_archive, folder_of, kept_archive, model_of, script
from ops.registry import cosign, oras, release
from ops.registry.options import Options
from ops.registry.reference import Repository
from ops.registry.release import Layer, Release
from ops.store import archive, audit, baseline, lock, models
from ops.system.files import owned_as, read_json, sync
from ops.terminal.console import say, size
from ops.terminal.steps import Steps

#: Begins the name of the folder that a version is downloaded into, in the model store: putting it in place is a link.
PARTIAL = ".pull-"
#: Free space to leave, in bytes.
RESERVE = 64 << 20
LOCK_WAIT_S = 60.0


def pull(store: Path, version: str, options: Options, digest: str | None = None) -> None:
    """Download, verify and keep a version. Raises OpsError; then the store has what it had.

    `digest`: the version is refused if it has another one. What is served stays; only a store in which `yolo` has no
    archive at all gets it as the current one.
    """
    steps, model = Steps(), model_of(store)
    models.require_own_names(version, store)
    repository = options.registry.of_model(model)
    with steps.step("ask the registry"):
        digest = oras.require(repository, version, digest)
    if options.key:
        with steps.step("verify the signature"):
            cosign.verify(repository, digest, options.key)
    with steps.step("read what it is") as remarks:
        found = release.parse(oras.manifest(repository, digest), repository.at(digest))
        _require_named(found, model, version, repository)
        is_kept = _require_same_if_kept(store, version, found)
        remarks.append(size(found.archive.size))
    if options.dry_run:
        planned = f"{kept_archive(version, store).name} is kept already" if is_kept else f"keep {version}"
        say(f"Dry run, nothing is changed. From {repository.at(digest)}: {planned}")
        return
    with owned_as(folder_of(store)):
        _take(steps, store, repository, found, is_kept=is_kept)
        is_current = _make_current_if_none(store, version)
        audit.record(store, "pull", "done", to=version, detail=repository.at(digest))
    steps.report(f"{version} is kept, {digest}")
    if not options.key:
        say("  note: its signature was not looked at; set COSIGN_PUBLIC_KEY, or use --key")
    _say_next(store, version, is_current)


def _require_named(found: Release, model: str, version: str, repository: Repository) -> None:
    if (found.model, found.version) != (model, version):
        raise NoSuchVersionError(
            f"{repository.tagged(version)} holds version {found.version} of {found.model}: the tag was moved. Ask who "
            "released it. Nothing changed"
        )


def _require_same_if_kept(store: Path, version: str, found: Release) -> bool:
    """Tell whether the version is kept here already. Raises OpsError where another archive has its name."""
    kept = kept_archive(version, store)
    if not kept.exists():
        return False
    if f"sha256:{archive.sha256(kept)}" != found.archive.digest:
        raise OpsError(
            f"{kept.name} is kept here already and is another archive than the released one. A kept version is never "
            f"replaced: rename that one first, in the model store: mv {kept.name} {kept.stem}-other.mar. Nothing "
            "changed"
        )
    return True


def _take(steps: Steps, store: Path, repository: Repository, found: Release, *, is_kept: bool) -> None:
    """Download what is missing here, verify it, and put it in place."""
    version = found.version
    with _partial(folder_of(store), f"{found.model}-{version}") as folder:
        archived, profile = folder / kept_archive(version, store).name, folder / release.BASELINE_FILE
        if not is_kept:
            _require_room(folder, found.archive.size)
            with steps.step("download", lambda: _progress(archived, found.archive.size)):
                oras.fetch(repository, found.archive.digest, archived)
            with steps.step("verify the archive"):
                _verify(archived, found)
                sync(archived)
            try:
                archive.add(archived, version, store)
            except FileExistsError:
                _require_same_if_kept(store, version, found)
            except OSError as error:
                raise from_os_error(error, f"keeping {archived.name}") from error
        store.mkdir(parents=True, exist_ok=True)  # of a model that comes with its first version
        if found.baseline is not None and baseline.read(store, version) is None:
            with steps.step("keep its baseline"):
                oras.fetch(repository, found.baseline.digest, profile)
                _require_digest(profile, found.baseline)
                try:
                    baseline.write(store, version, detection_profile.parse(read_json(profile)))
                except ValueError as error:
                    raise OpsError(f"the baseline of {version} is not one: {error}") from error


@contextmanager
def _partial(store: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder in the store, which is gone afterwards; what a killed pull left is removed first.

    The folder itself is locked, so that two pulls of a version do not meet. Raises LockedError.
    """
    try:
        store.mkdir(parents=True, exist_ok=True)
        for left in store.glob(f"{PARTIAL}*"):
            with _locked(left) as is_ours:
                if is_ours:
                    shutil.rmtree(left, ignore_errors=True)
        folder = store / f"{PARTIAL}{name}"
        folder.mkdir(exist_ok=True)
        with _locked(folder) as is_ours:
            if not is_ours:
                raise LockedError(f"another pull of {name} is at work. Nothing changed; try again when it is done")
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise from_os_error(error, f"downloading {name}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Try to lock a folder; yield whether that was possible. The kernel releases it when this process ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE:
        raise OpsError(
            f"{size(free)} free in the model store, the version needs {size(needed + RESERVE)}. Free some space, such "
            "as with: bash scripts/releases.sh prune --keep 5. Nothing changed"
        )


def _progress(path: Path, whole: int) -> str:
    # oras writes into a file of a name of its own next to the target, or into the target.
    done = sum(one.stat().st_size for one in path.parent.iterdir() if one.is_file())
    return f"{size(done)} of {size(whole)}"


def _require_digest(path: Path, layer: Layer) -> None:
    digest = f"sha256:{archive.sha256(path)}"
    if digest != layer.digest:
        raise NoSuchVersionError(
            f"{path.name} is damaged: it has the digest {digest}, and the release says {layer.digest}. Nothing changed"
        )


def _verify(path: Path, found: Release) -> None:
    _require_digest(path, found.archive)
    inside = archive.describe(path)
    if (inside.model, inside.version) != (found.model, found.version):
        raise NoSuchVersionError(
            f"the archive is version {inside.version} of {inside.model}, and was released as {found.version} of "
            f"{found.model}. Nothing changed"
        )


def _make_current_if_none(store: Path, version: str) -> bool:
    if model_of(store) != MODEL or current_archive(store).exists():
        return False
    with lock.held(store, f"pull of {version}", LOCK_WAIT_S):
        if current_archive(store).exists():
            return False
        archive.make_current(kept_archive(version, store), store)
    return True


def _say_next(store: Path, version: str, is_current: bool) -> None:
    if is_current:
        say(f"There was no {current_archive(store).name}: this is it now. Start the service: bash scripts/up.sh")
    elif current_archive(store).exists():
        say(f"To put it live: {script(f'rollback.sh {version}', store)}; or with a part of the requests: canary.sh")
    else:
        say(f"To serve it: bash scripts/models.sh add {version} --name {model_of(store)}")
