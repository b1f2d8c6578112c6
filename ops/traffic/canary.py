"""A canary: some of the requests go to a new version, more and more, until all do, or none again."""

from __future__ import annotations

from dataclasses import replace

from ops.rollout import split
from ops.rollout.candidate import Packaging, Request, roll_out
from ops.rollout.preconditions import require_no_role, require_no_split, served
from ops.rollout.promotion import Promotion
from ops.rollout.recovery import operation
from ops.store import audit, inventory, routing
from ops.store.inventory import Releases
from ops.store.routing import Canary, Routing
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

PART = "canary"


def start(
    host: Host,
    target: str,
    percent: float,
    how: Packaging | None = None,
    *,
    accept_drift: bool = False,
    salt: str | None = None,
    dry_run: bool = False,
) -> None:
    """Package weights (or take a kept version), load it next to the running one, send it a share of the requests.

    Raises OpsError; then nothing of it is left.
    """
    share, key, how, steps = routing.percent(percent), routing.salt(salt), how or Packaging(), Steps()

    def change(state: Releases, running: Loaded, version: str, fresh: bool) -> split.Start:
        present, stable = routing.read(host.store), running.version
        require_no_role(present, stable, version)
        return split.Start(
            host=host, steps=steps, action="canary start", to=version, note=how.note, state=state, running=running,
            fresh=fresh, accept_drift=accept_drift, part=PART,
            routed=replace(present, stable=stable, canary=Canary(version, share, key)),
            effect=("route", f"{share:g} % of the requests to {version}, the rest to {stable}"),
        )  # fmt: skip

    done = roll_out(host, steps, Request("canary start", target, how, require_no_split, change), dry_run=dry_run)
    if done:
        steps.report(
            f"{done.to} gets {share:g} % of the requests. "
            "Next: bash scripts/canary.sh status | set PERCENT | promote | abort"
        )


def active(host: Host) -> tuple[Routing, Canary]:
    """Return the routing and its canary. Raises NotNowError when there is none."""
    present = routing.read(host.store)
    if present.canary is None:
        raise split.not_active(PART)
    return present, present.canary


def set_percent(host: Host, percent: float, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send the canary another share. Loads it again where a restarted server came back without it. Raises OpsError."""
    share = routing.percent(percent)
    with operation(host, f"canary set {share:g}", wait_s=wait_s, dry_run=dry_run) as state:
        present, now = active(host)
        if dry_run:
            change = f"send {share:g} % to {now.version}, which gets {now.percent:g} % now"
            say(f"Dry run, nothing is changed. It would {change}.")
            return
        inventory.require_intact(host.store, state, now.version)
        standby = Standby(host, Steps(), host.server.default())
        if not standby.is_ready(now.version):
            standby.ensure(now.version)
        routing.write(host.store, replace(present, canary=replace(now, percent=share)))
        detail = "; ".join(filter(None, [f"{now.percent:g} % to {share:g} %", why]))
        audit.write(host.store, "canary set", "done", to=now.version, detail=detail)
    routing.await_notice()  # done means in force
    say(f"{now.version} gets {share:g} % (before: {now.percent:g} %)")


def promote(host: Host, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Make the canary the version that serves. Raises OpsError; then it goes on with the share it had."""
    steps = Steps()
    with operation(host, "promotion of the canary", wait_s=wait_s, dry_run=dry_run) as state:
        present, now = active(host)
        inventory.require_intact(host.store, state, now.version)
        promotion = Promotion(
            host=host, steps=steps, action="promote", to=now.version, detail=why, state=state,
            running=host.server.default(), canary_of=present,
        )  # fmt: skip
        if promotion.run(dry_run=dry_run):
            way_back = "The way back: bash scripts/rollback.sh"
            steps.report(f"{now.version} is live, {promotion.before} is kept. {way_back}")


def abort(host: Host, *, keep: bool = False, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send everything to the stable version again and remove the canary. Raises OpsError."""
    steps = Steps()
    with operation(host, "abort of the canary", wait_s=wait_s, dry_run=dry_run) as state:
        active(host)
        became = split.end_canary(host, state, steps, why, keep=keep, dry_run=dry_run)
        if not dry_run:
            default = served(host)
            stable = default.version if default else "the default version"
            steps.report(f"everything goes to {stable} again; {became}")
