"""A canary: some of the requests go to a new version, more and more, until all do, or none again."""

from __future__ import annotations

from dataclasses import replace

from ops.paths import kept_archive
from ops.rollout import joining, split
from ops.rollout.candidate import Packaging
from ops.rollout.joining import Joining
from ops.rollout.preconditions import opened, unsplit
from ops.rollout.promotion import Transaction
from ops.store import audit, inventory, lock, routing
from ops.store.routing import Canary, Routing
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby

PART = "canary"


def joining_as(
    target: str, percent: float, how: Packaging | None, accept_drift: bool, salt: str | None = None
) -> Joining:
    """Return what starts a canary. Raises UsageError."""
    share, key = routing.percent(percent), routing.salt(salt)

    def routed(present: Routing, version: str) -> Routing:
        return replace(present, canary=Canary(version, share, key))

    return Joining(PART, target, how or Packaging(), unsplit, routed, accept_drift)


def start(
    host: Host,
    target: str,
    percent: float,
    how: Packaging | None = None,
    *,
    accept_drift: bool = False,
    salt: str | None = None,
) -> None:
    """Package weights (or take a kept version), load it beside the running one, send it a share of the requests.

    Raises OpsError; then nothing of it is left.
    """
    steps = Steps()
    version, stable = joining.start(host, steps, joining_as(target, percent, how, accept_drift, salt))
    steps.report(
        f"{version} gets {percent:g} % beside {stable}. Next: bash scripts/canary.sh status | set PERCENT | "
        "promote | abort"
    )


def plan_start(host: Host, target: str, percent: float, how: Packaging, *, accept_drift: bool = False) -> None:
    """Say what starting would do; change nothing. Raises OpsError where it could not even begin."""
    to, stable = joining.plan(host, joining_as(target, percent, how, accept_drift))
    say(f"  route        {percent:g} % of the requests to {to}, the rest to {stable}")


def active(host: Host) -> tuple[Routing, Canary]:
    """Return the routing and its canary. Raises NotNowError when there is none."""
    present = routing.read(host.store)
    if present.canary is None:
        raise split.absent(PART)
    return present, present.canary


def set_percent(host: Host, percent: float, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send the canary another share. Loads it again where a restarted server came back without it. Raises OpsError."""
    share = routing.percent(percent)
    if dry_run:
        lock.require_free(host.store)
        _, now = active(host)
        change = f"send {share:g} % to {now.version}, which gets {now.percent:g} % now"
        say(f"Dry run, nothing is changed. It would {change}.")
        return
    steps = Steps()
    with lock.held(host.store, f"canary set {share:g}", wait_s):
        state = opened(host)
        present, now = active(host)
        inventory.verified(host.store, state, now.version)
        beside = Standby(host, steps, host.server.default())
        if not beside.is_ready(now.version):
            beside.ensure(now.version)
        routing.write(host.store, replace(present, canary=replace(now, percent=share)))
        detail = "; ".join(filter(None, [f"{now.percent:g} % to {share:g} %", why]))
        audit.write(host.store, "canary set", "done", to=now.version, detail=detail)
    routing.await_notice()  # done means in force
    say(f"{now.version} gets {share:g} % (before: {now.percent:g} %)")


def promote(host: Host, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Make the canary the version that serves. Raises OpsError; then it goes on with the share it had."""
    if dry_run:
        lock.require_free(host.store)
        present, now = active(host)
        inventory.verified(host.store, inventory.look(host.store)[0], now.version)
        say(f"""Dry run, nothing is changed. It would:
  route        everything to {now.version}, which gets {now.percent:g} % now
  switch       yolo.mar and the default to {now.version}
  drain        {present.stable}, then unregister it""")
        return
    steps = Steps()
    with lock.held(host.store, "promotion of the canary", wait_s):
        state = opened(host)
        present, now = active(host)
        inventory.verified(host.store, state, now.version)
        transaction = Transaction(host, state, steps, "promote", now.version, fresh=False, note=why, canary_of=present)
        transaction.run(compare=False, accept_drift=True)
        routing.forget_auto(host.store)
    old = transaction.before.version
    steps.report(f"{now.version} is live, {old} is kept. The way back: bash scripts/rollback.sh")


def abort(host: Host, *, keep: bool = False, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send everything to the stable version again and remove the canary. Raises OpsError."""
    if dry_run:
        lock.require_free(host.store)
        present, now = active(host)
        gone = split.removable(inventory.look(host.store)[0], now.version, PART) and not keep
        say(f"""Dry run, nothing is changed. It would:
  route        everything to {present.stable}
  drain        {now.version}, then unregister it
  archive      {kept_archive(now.version).name} is {"removed (--keep keeps it)" if gone else "kept"}""")
        return
    steps = Steps()
    with lock.held(host.store, "abort of the canary", wait_s):
        state = opened(host)
        active(host)
        became = end_any(host, state, steps, why, keep=keep)
    steps.report(f"everything goes to {split.default_version(host) or 'the default version'} again; {became}")


def end_any(host: Host, state: inventory.Releases, steps: Steps, why: str, *, keep: bool = False) -> str:
    """End the canary, if there is one; needs the lock. Returns what became of its archive. Raises OpsError."""
    found = routing.read(host.store).canary
    if found is None:
        return ""
    remove = split.removable(state, found.version, PART) and not keep
    split.end(host, state, steps, "canary abort", PART, to=found.version, remove=remove, detail=why)
    routing.forget_auto(host.store)
    return f"the archive of {found.version} is {'removed' if remove else 'kept'}"
