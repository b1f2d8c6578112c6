"""The kept versions: `releases.json`, updated from the archives.

The archives are the source of truth; `ops.store.releases` records what is not in them. The content of `yolo.mar`
decides which version is current, whichever tool wrote it.
"""

from __future__ import annotations

import contextlib
import pwd
from datetime import UTC, datetime
from pathlib import Path

from ops.errors import NoSuchVersionError, OpsError
from ops.paths import current_archive, kept_archive, model_of
from ops.store import archive, audit, baseline
from ops.store.releases import NAME, Release, Releases, read, save


def look(store: Path) -> tuple[Releases, list[str]]:
    """Return the present state, and what changed by hand since it was saved. Writes nothing.

    Only archives whose size or time of change differs from the record are read.
    """
    known = read(store)
    state = known or Releases()
    noticed: list[str] = []
    if known is None and (store / NAME).exists():
        noticed.append(f"{NAME} could not be read and was made again from the archives")
    present = set()
    model = model_of(store)
    for path in archive.kept_files(store):
        version = path.stem.removeprefix(f"{model}-")
        recorded = state.releases.get(version)
        if recorded is None or [recorded.size, recorded.mtime_ns] != _stat(path):
            try:
                found = archive.describe(path)
            except OpsError:
                continue  # nothing can serve it
            if (found.model, found.version) != (model, version):
                continue
            record = _record(found)
            if recorded is None:
                state.releases[version] = record
            elif recorded.sha256 == record.sha256:
                recorded.mtime_ns = record.mtime_ns
            elif recorded.packaged != record.packaged:
                noticed.append(f"{version} was packaged again")
                state.releases[version] = record
            # Else the content changed under the same name. The old record stays, so that a rollback to it is refused.
        present.add(version)
    for version in sorted(set(state.releases) - present):
        noticed.append(f"the archive of {version} is gone or unreadable")
        state.forget(version, "gone")
    _find_current(store, state, noticed)
    if known is None:
        state.previous = _previous_by_trail(store, state)
    return state, noticed


def _stat(path: Path) -> list[int]:
    """Return [size, mtime_ns] of a file, empty when it is missing."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return []
    return [stat.st_size, stat.st_mtime_ns]


def _previous_by_trail(store: Path, state: Releases) -> str | None:
    for entry in reversed(audit.entries(store)):
        if entry.get("outcome") == "done" and entry.get("to") == state.current and entry.get("from") != state.current:
            before = entry.get("from")
            return before if before in state.releases else None
    return None


def _find_current(store: Path, state: Releases, noticed: list[str]) -> None:
    path, before = current_archive(store), state.current
    stat = _stat(path)
    digest = ""
    if stat:
        digest = state.current_sha256 if stat == state.current_stat else archive.sha256(path)
    state.current_stat = stat
    if digest == state.current_sha256 and (before or not digest):
        return
    found = next((record.version for record in state.releases.values() if record.sha256 == digest), None)
    first = not state.current_sha256
    state.current_sha256, state.current = digest, found
    if found != before and not first:
        name = f"version {found}" if found else "an archive that is not kept"
        noticed.append(f"{path.name} was replaced without redeploy.sh: it is {name}, it was {before or 'another'}")
        if before in state.releases:
            state.previous = before
    if state.previous == found:
        state.previous = None


def _record(found: archive.Archive) -> Release:
    stat = found.path.stat()
    owner = str(stat.st_uid)
    with contextlib.suppress(KeyError):
        owner = pwd.getpwuid(stat.st_uid).pw_name
    return Release(
        version=found.version,
        sha256=archive.sha256(found.path),
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        task=found.task,
        source_sha256=found.source_sha256,
        packaged=found.created or datetime.fromtimestamp(stat.st_mtime, UTC).isoformat("T", "seconds"),
        by=owner,
        note=found.note,
    )


def require_intact(store: Path, state: Releases, version: str) -> Path:
    """Return the archive of a kept version if its content is as recorded. Raises NoSuchVersionError."""
    record = state.releases.get(version)
    if record is None:
        there = ", ".join(state.releases) or "none"
        raise NoSuchVersionError(f"there is no kept version {version}; kept: {there}. Nothing changed")
    path = kept_archive(version, store)
    digest = archive.sha256(path)
    if digest != record.sha256:
        raise NoSuchVersionError(
            f"{path.name} is not what was packaged (sha256 {digest[:12]}…, recorded {record.sha256[:12]}…). "
            "Choose another version, or restore the file from a backup. Nothing changed"
        )
    return path


def back_up_current(store: Path, state: Releases) -> str | None:
    """Keep yolo.mar under its own version if it is not a kept one, since it was copied there by hand.

    Returns that version, or None if it is kept already. Raises OpsError when another archive has its name.
    """
    path = current_archive(store)
    if state.current is not None or not path.is_file():
        return None
    version = archive.describe(path).version
    try:
        target = kept_archive(version, store)
        if target.exists():
            raise OpsError(
                f"{path.name} is version {version}, but another archive than {target.name}; one of them "
                f"would be lost. Rename that one first: mv {target.name} {target.stem}-other.mar. Nothing changed"
            )
        archive.copy(path, target)
    except OSError as error:
        raise OpsError(f"{path.name} cannot be backed up: {error}") from error
    state.releases[version] = _record(archive.describe(target))
    state.current = version
    return version


def remove_archive(store: Path, state: Releases, version: str, outcome: str) -> None:
    """Remove a kept archive, and record the outcome for its weights. Raises OpsError."""
    try:
        kept_archive(version, store).unlink(missing_ok=True)
    except OSError as error:
        raise OpsError(f"{kept_archive(version, store).name} cannot be removed: {error.strerror}") from error
    with contextlib.suppress(OpsError):  # of another user; no other version will have its name
        baseline.remove(store, version)
    if version in state.releases:
        state.forget(version, outcome)
    save(store, state)
