"""A shadow: a version is asked what clients ask, after they have their answer; only the differences are counted."""

from __future__ import annotations

from dataclasses import replace

from ops.errors import NotNowError
from ops.rollout import split
from ops.rollout.candidate import Packaging, Request, roll_out
from ops.rollout.preconditions import require_no_role, require_single_server
from ops.rollout.recovery import operation
from ops.store import routing
from ops.store.inventory import Releases
from ops.store.routing import Shadow
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host

PART = "shadow"


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
    share, how, steps = routing.percent(percent), how or Packaging(), Steps()

    def change(state: Releases, running: Loaded, version: str, fresh: bool) -> split.Start:
        present, stable = routing.read(host.store), running.version
        require_no_role(present, stable, version)
        return split.Start(
            host=host, steps=steps, action="shadow start", to=version, note=how.note, state=state, running=running,
            fresh=fresh, accept_drift=accept_drift, part=PART,
            routed=replace(present, stable=stable, shadow=Shadow(version, share)),
            effect=("mirror", f"{share:g} % of the requests to {version}, after their answers have left"),
        )  # fmt: skip

    done = roll_out(host, steps, Request("shadow start", target, how, require_no_shadow, change), dry_run=dry_run)
    if done:
        steps.report(
            f"{share:g} % of the requests are mirrored to {done.to}. Next: bash scripts/shadow.sh status | stop"
        )


def require_no_shadow(host: Host) -> None:
    """Raise NotNowError when there is a shadow already, or both servers run."""
    require_single_server(host)
    present = routing.read_or_empty(host.store)
    if present.shadow:
        raise NotNowError(f"{present.shadow.version} is the shadow already. End it first: bash scripts/shadow.sh stop")


def stop(host: Host, *, remove: bool = False, dry_run: bool = False) -> None:
    """End the mirroring. `remove`: the archive goes, if it was packaged for this. Raises OpsError."""
    steps = Steps()
    with operation(host, "end of the shadow", dry_run=dry_run) as state:
        found = routing.read(host.store).shadow
        if found is None:
            raise split.not_active(PART)
        remove = remove and split.is_removable(state, found.version, PART)
        end = split.End(
            host=host, steps=steps, action="shadow stop", to=found.version, state=state, part=PART, remove=remove
        )
        if end.run(dry_run=dry_run):
            became = "removed" if remove else "kept"
            steps.report(f"nothing is mirrored any more; the archive of {found.version} is {became}")
