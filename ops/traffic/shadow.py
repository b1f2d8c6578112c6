"""A shadow: a version is asked what clients ask, after they have their answer; only the differences are counted."""

from __future__ import annotations

from dataclasses import replace

from ops.errors import NotNowError
from ops.paths import script
from ops.rollout import split
from ops.rollout.candidate import Packaging, start_split
from ops.rollout.preconditions import require_single_server
from ops.rollout.recovery import operation
from ops.store import routing
from ops.store.routing import Shadow
from ops.torchserve.host import Host

PART = "shadow"
NEXT = "shadow.sh status | stop"


def start(
    host: Host,
    target: str,
    percent: float,
    how: Packaging | None = None,
    *,
    accept_drift: bool = False,
    dry_run: bool = False,
) -> None:
    """Load weights or a kept version next to the running one and mirror a share of the requests to it.

    No client gets its answers, so they may differ: what differs is said. Raises OpsError; then nothing of it is left.
    """
    share = routing.percent(percent)
    start_split(
        host, PART, target, how or Packaging(), require_no_shadow,
        lambda present, version: replace(present, shadow=Shadow(version, share)),
        lambda change: f"{share:g} % of the requests are mirrored to {change.to}. Next: {script(NEXT, host.store)}",
        accept_drift=accept_drift, dry_run=dry_run,
    )  # fmt: skip


def require_no_shadow(host: Host) -> None:
    """Raise NotNowError when there is a shadow already, or both servers run."""
    require_single_server(host)
    present = routing.read_or_empty(host.store)
    if present.shadow:
        command = script("shadow.sh stop", host.store)
        raise NotNowError(f"{present.shadow.version} is the shadow already. End it first: {command}")


def stop(host: Host, *, remove: bool = False, dry_run: bool = False) -> None:
    """End the mirroring. `remove`: the archive goes, if it was packaged for this. Raises OpsError."""
    with operation(host, "end of the shadow", dry_run=dry_run) as begun:
        found = routing.read(host.store).shadow
        if found is None:
            raise split.not_active(PART, host.store)
        remove = remove and split.is_removable(begun.state, found.version, PART)
        end = split.end(begun, "shadow stop", PART, found.version, remove=remove)
        became = "removed" if remove else "kept"
        end.run(f"nothing is mirrored any more; the archive of {found.version} is {became}")
