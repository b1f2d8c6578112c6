"""A canary: some of the requests go to a new version, more and more, until all do, or none again."""

from __future__ import annotations

from dataclasses import replace

from ops.paths import script
from ops.rollout import split
from ops.rollout.candidate import Packaging, start_split
from ops.rollout.change import show_plan
from ops.rollout.preconditions import require_no_split, served
from ops.rollout.promotion import Promotion
from ops.rollout.recovery import operation
from ops.store import audit, inventory, routing
from ops.store.routing import Canary, Routing
from ops.terminal.console import say
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

PART = "canary"
NEXT = "canary.sh status | set PERCENT | promote | abort"


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
    share, key = routing.percent(percent), routing.salt(salt)
    start_split(
        host, PART, target, how or Packaging(), require_no_split,
        lambda present, version: replace(present, canary=Canary(version, share, key)),
        lambda change: f"{change.to} gets {share:g} % of the requests. Next: {script(NEXT, host.store)}",
        accept_drift=accept_drift, dry_run=dry_run,
    )  # fmt: skip


def active(host: Host) -> tuple[Routing, Canary]:
    """Return the routing and its canary. Raises NotNowError when there is none."""
    present = routing.read(host.store)
    if present.canary is None:
        raise split.not_active(PART, host.store)
    return present, present.canary


def set_percent(host: Host, percent: float, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send the canary another share. Loads it again where a restarted server came back without it. Raises OpsError."""
    share = routing.percent(percent)
    with operation(host, f"canary set {share:g}", wait_s=wait_s, dry_run=dry_run) as begun:
        present, now = active(host)
        if dry_run:
            show_plan([("route", f"{share:g} % to {now.version}, which gets {now.percent:g} % now")])
            return
        inventory.require_intact(host.store, begun.state, now.version)
        standby = Standby(host, begun.steps, host.server.default())
        if not standby.is_ready(now.version):
            standby.ensure(now.version)
        routing.write(host.store, replace(present, canary=replace(now, percent=share)))
        detail = "; ".join(filter(None, [f"{now.percent:g} % to {share:g} %", why]))
        audit.record(host.store, "canary set", "done", to=now.version, detail=detail)
    routing.await_notice()  # done means in force
    say(f"{now.version} gets {share:g} % (before: {now.percent:g} %)")


def promote(host: Host, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Make the canary the version that serves. Raises OpsError; then it goes on with the share it had."""
    with operation(host, "promotion of the canary", wait_s=wait_s, dry_run=dry_run) as begun:
        present, now = active(host)
        inventory.require_intact(host.store, begun.state, now.version)
        promotion = Promotion(begun, "promote", now.version, note=why, canary_of=present)
        way_back = f"The way back: {script('rollback.sh', host.store)}"
        promotion.change.run(f"{now.version} is live, {promotion.before} is kept. {way_back}")


def abort(host: Host, *, keep: bool = False, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send everything to the stable version again and remove the canary. Raises OpsError."""
    with operation(host, "abort of the canary", wait_s=wait_s, dry_run=dry_run) as begun:
        active(host)
        became = split.end_canary(begun, why, keep=keep)
        if not dry_run:
            default = served(host)
            stable = default.version if default else "the default version"
            begun.steps.report(f"everything goes to {stable} again; {became}")
