"""The candidate: the version that a redeploy, a canary or a shadow is about, packaged just now or kept already.

One flow for the three: check what can be checked, package, take the lock, verify the archive, make the change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops.errors import NoSuchVersionError, OpsError, UsageError
from ops.paths import kept_archive
from ops.rollout import split
from ops.rollout.change import Change, show_plan
from ops.rollout.preconditions import preflight, require_no_role
from ops.rollout.recovery import Operation, operation
from ops.store import audit, inventory, versions
from ops.store.routing import Routing
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
    data: Path | None = None
    max_map_loss: float | None = None
    fast: bool = False


@dataclass(frozen=True)
class Request:
    """What is asked for: `target`, a file of weights or a kept version, and the `action` for the audit trail.

    `require` raises NotNowError where that cannot be now. `change` returns the change to a version, given whether that
    is fresh: packaged for this, and removed when the change fails. `report` says that it is done. `preflight` checks
    what can be checked before minutes of packaging.
    """

    action: str
    target: str
    how: Packaging
    require: Callable[[Host], None]
    change: Callable[[Operation, str, bool], Change]
    report: Callable[[Change], str]
    preflight: Callable[[Host], object] = preflight


def roll_out(host: Host, request: Request, *, dry_run: bool = False) -> None:
    """Make the change, or say what it would do. Raises OpsError."""
    fresh, steps = not is_kept(request.target), Steps()
    # Where the caller has packaged, the archive is there already; it goes with everything that is refused from here on.
    version = request.how.packaged if fresh and not dry_run else None
    has_begun = False
    try:
        request.preflight(host)
        request.require(host)
        planned = check(host, request)
        if dry_run:
            with operation(host, request.action, dry_run=True) as begun:
                show_plan([_plan_packaging(request, planned, host.store), *request.change(begun, planned, fresh).plan])
            return
        version = obtain(host, steps, request)
        with operation(host, f"{request.action} of {version}", steps=steps) as begun:
            try:
                request.require(host)
                inventory.require_intact(host.store, begun.state, version)
                change = request.change(begun, version, fresh)
            except OpsError as error:
                audit.record(host.store, request.action, "failed", to=version, detail=str(error))
                if fresh:
                    inventory.remove_archive(host.store, begun.state, version, "failed")
                raise
            if fresh:
                begun.state.releases[version].by = identity.name()
            has_begun = True
            change.run(request.report(change))
    except NoSuchVersionError as error:
        if has_begun or not fresh:
            raise
        raise OpsError(f"{request.action} of {version}: the archive is cut short or damaged. {error}") from error
    finally:
        if version and fresh and not has_begun:
            kept_archive(version, host.store).unlink(missing_ok=True)


def start_split(
    host: Host,
    part: str,
    target: str,
    how: Packaging,
    require: Callable[[Host], None],
    route: Callable[[Routing, str], Routing],
    report: Callable[[Change], str],
    *,
    accept_drift: bool,
    dry_run: bool,
) -> None:
    """Start a canary or shadow of a candidate. `route` gives a version its part. Raises OpsError."""

    def change(begun: Operation, version: str, fresh: bool) -> Change:
        require_no_role(host, version)
        return split.start(
            begun, part, version, lambda present: route(present, version),
            note=how.note, fresh=fresh, accept_drift=accept_drift,
        )  # fmt: skip

    roll_out(host, Request(f"{part} start", target, how, require, change, report), dry_run=dry_run)


def is_kept(target: str) -> bool:
    """Tell whether a word of the command line names a kept version rather than a file of weights."""
    return not target.endswith(".pt") and versions.FORM.fullmatch(target) is not None and not Path(target).is_file()


def check(host: Host, request: Request) -> str:
    """Check what can be checked before minutes of packaging; return the version it would be. Raises OpsError."""
    target, how = request.target, request.how
    state, _ = inventory.look(host.store)
    if is_kept(target):
        if how.version or how.calibration:
            raise UsageError(f"{target} is a kept version: --version and --int8 are for weights")
        inventory.require_intact(host.store, state, target)
        return target
    if how.packaged is None and not host.compose and not Path(target).is_file():
        raise OpsError(f"there are no weights at {target}")
    named = None if how.packaged else how.version  # packaged just now, it is there under the name that was asked for
    if named is not None and kept_archive(versions.check(named), host.store).exists():
        raise OpsError(
            f"version {how.version} is already there. Choose another, or leave --version out for the next one"
        )
    return how.packaged or how.version or versions.following(state.releases)


def obtain(host: Host, steps: Steps, request: Request) -> str:
    """Package the weights, or take the version that is there. Without the lock: it takes long. Raises OpsError."""
    how = request.how
    if is_kept(request.target):
        return request.target
    if how.packaged is not None:
        return how.packaged
    from ops.packaging import package  # needs ultralytics, which is installed where packaging is done

    with steps.step("package") as remarks:
        made = package.package(
            Path(request.target), how.version, how.note, host.store,
            calibration=how.calibration, fast=how.fast, force=how.force, data=how.data, max_map_loss=how.max_map_loss,
        )  # fmt: skip
        remarks.append(f"version {made.version}, {size(made.size)}")
    return made.version


def _plan_packaging(request: Request, version: str, store: Path) -> tuple[str, str]:
    kept = f"nothing: {version} is kept"
    weights = f"{request.target} as version {version}, keep it as {kept_archive(version, store).name}"
    return "package", kept if is_kept(request.target) else weights
