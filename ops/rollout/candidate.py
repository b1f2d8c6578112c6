"""The version that an operation is about: packaged of weights just now, or kept already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.errors import NoSuchVersionError, OpsError, UsageError
from ops.paths import kept_archive
from ops.store import audit, inventory, versions
from ops.system import identity
from ops.terminal.console import size
from ops.terminal.steps import Steps
from ops.torchserve.host import Host


@dataclass(frozen=True)
class Packaging:
    """How weights become a version. `packaged`: the caller has done it just now, in a container without a network."""

    version: str | None = None
    note: str = ""
    calibration: Path | None = None
    force: bool = False
    packaged: str | None = None


@dataclass(frozen=True)
class Candidate:
    """`fresh`: made for this operation; its archive goes when the operation fails."""

    version: str
    fresh: bool


def is_kept(target: str) -> bool:
    """Tell whether a word of the command line names a kept version; else it is a file of weights."""
    return not target.endswith(".pt") and versions.FORM.fullmatch(target) is not None and not Path(target).is_file()


def check(host: Host, target: str, how: Packaging) -> str:
    """Check what can be checked before minutes of packaging; return the version it would be. Raises OpsError."""
    state, _ = inventory.look(host.store)
    if is_kept(target):
        if how.version or how.calibration:
            raise UsageError(f"{target} is a kept version: --version and --int8 are for weights")
        inventory.verified(host.store, state, target)
        return target
    if how.packaged is None and not host.compose and not Path(target).is_file():
        raise OpsError(f"there are no weights at {target}")
    if how.version is not None and kept_archive(versions.check(how.version), host.store).exists():
        raise OpsError(
            f"version {how.version} is already there. Choose another, or leave --version out for the next one"
        )
    return how.packaged or how.version or versions.following(state.releases)


def obtain(host: Host, steps: Steps, target: str, how: Packaging) -> Candidate:
    """Package weights, or take the kept version that is named. Without the lock: it takes long. Raises OpsError."""
    if is_kept(target):
        return Candidate(target, fresh=False)
    if how.packaged is not None:
        return Candidate(how.packaged, fresh=True)
    from ops.packaging import package  # ultralytics is there where packaging is done

    with steps.step("package") as remarks:
        made = package.package(
            Path(target), how.version, how.note, host.store, calibration=how.calibration, force=how.force, current=False
        )
        remarks.append(f"version {made.version}, {size(made.size)}")
    return Candidate(made.version, fresh=True)


@dataclass
class Guarded:
    """What an operation is about, once it is there, and whether the operation has begun: then it removes it itself."""

    made: Candidate | None = None
    begun: bool = False


@contextmanager
def guarded(host: Host, target: str, how: Packaging, action: str) -> Iterator[Guarded]:
    """Remove a fresh version whose operation could not even begin: it is no way back.

    Enter it before anything can be refused: where the caller has packaged, the archive is there already.
    """
    guard = Guarded()
    if how.packaged is not None and not is_kept(target):
        guard.made = Candidate(how.packaged, fresh=True)
    try:
        yield guard
    except NoSuchVersionError as error:
        if guard.begun or guard.made is None or not guard.made.fresh:
            raise
        raise OpsError(f"{action} of {guard.made.version}: the archive is cut short or damaged. {error}") from error
    finally:
        if guard.made is not None and guard.made.fresh and not guard.begun:
            kept_archive(guard.made.version, host.store).unlink(missing_ok=True)


def verify(host: Host, state: inventory.Releases, candidate: Candidate, action: str) -> None:
    """Read the whole archive, and note who made it. Raises OpsError, with a line in the trail."""
    try:
        inventory.verified(host.store, state, candidate.version)
    except OpsError as error:
        audit.write(host.store, action, "failed", to=candidate.version, detail=str(error))
        raise
    if candidate.fresh:
        state.releases[candidate.version].by = identity.name()
