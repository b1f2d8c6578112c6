"""A shadow: a version is asked what clients ask, after they have their answer; only the differences are counted."""

from __future__ import annotations

from dataclasses import replace

from ops.errors import NotNowError
from ops.paths import kept_archive
from ops.rollout import joining, split
from ops.rollout.candidate import Packaging
from ops.rollout.joining import Joining
from ops.rollout.preconditions import alone, opened
from ops.store import inventory, lock, routing
from ops.store.routing import Routing, Shadow
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.host import Host

PART = "shadow"


def joining_as(target: str, percent: float, how: Packaging | None, accept_drift: bool) -> Joining:
    """Return what starts a shadow. Raises UsageError."""
    share = routing.percent(percent)

    def routed(present: Routing, version: str) -> Routing:
        return replace(present, shadow=Shadow(version, share))

    return Joining(PART, target, how or Packaging(), no_other, routed, accept_drift)


def start(host: Host, target: str, percent: float, how: Packaging | None = None, *, accept_drift: bool = False) -> None:
    """Load weights or a kept version beside the running one and mirror a share of the requests to it.

    Its answers reach nobody, so they may differ: what differs is said. Raises OpsError; then nothing of it is left.
    """
    steps = Steps()
    version, stable = joining.start(host, steps, joining_as(target, percent, how, accept_drift))
    steps.report(
        f"{percent:g} % of what {stable} is asked, {version} is asked as well. "
        "Next: bash scripts/shadow.sh status | stop"
    )


def plan_start(host: Host, target: str, percent: float, how: Packaging, *, accept_drift: bool = False) -> None:
    """Say what starting would do; change nothing. Raises OpsError where it could not even begin."""
    to, _ = joining.plan(host, joining_as(target, percent, how, accept_drift))
    say(f"  mirror       {percent:g} % of the requests to {to}, after their answers have left")


def no_other(host: Host) -> None:
    """Raise NotNowError when there is a shadow already, or another server stands beside."""
    alone(host)
    present = routing.glance(host.store)
    if present.shadow:
        raise NotNowError(f"{present.shadow.version} is the shadow already. End it first: bash scripts/shadow.sh stop")


def stop(host: Host, *, remove: bool = False, dry_run: bool = False) -> None:
    """Mirror nothing any more. `remove`: the archive goes, when it was packaged for this. Raises OpsError."""
    if dry_run:
        lock.require_free(host.store)
        found = _active(routing.read(host.store))
        gone = remove and split.removable(inventory.look(host.store)[0], found.version, PART)
        say(f"""Dry run, nothing is changed. It would:
  mirror       nothing to {found.version} any more; unregister it
  archive      {kept_archive(found.version).name} is {"removed" if gone else "kept"}""")
        return
    steps = Steps()
    with lock.held(host.store, "end of the shadow"):
        state = opened(host)
        found = _active(routing.read(host.store))
        gone = remove and split.removable(state, found.version, PART)
        split.end(host, state, steps, "shadow stop", PART, to=found.version, remove=gone)
    steps.report(f"nothing is mirrored any more; the archive of {found.version} is {'removed' if gone else 'kept'}")


def _active(present: Routing) -> Shadow:
    if present.shadow is None:
        raise split.absent(PART)
    return present.shadow
