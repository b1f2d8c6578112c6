"""A canary: some of the requests go to a new version, more and more, until all do, or none again."""

from __future__ import annotations

from dataclasses import replace

from ops import audit, candidate, lock, part, releases, routing
from ops.beside import Beside
from ops.candidate import Packaging
from ops.console import say
from ops.errors import NotNowError
from ops.host import Host
from ops.opening import opened, preflight, unlocked, unsplit
from ops.part import Beginning
from ops.paths import kept_archive
from ops.probes import pictures
from ops.routing import Canary, Routing
from ops.steps import Steps
from ops.transaction import Transaction

PART = "canary"


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
    how = how or Packaging()
    with candidate.asked_first(host, how):
        preflight(host)
        unsplit(host)
        candidate.check(host, target, how)
    steps = Steps()
    made = candidate.obtain(host, steps, target, how)
    with (
        candidate.guarded(host, made, "canary") as begun,
        lock.held(host.store, f"canary of {made.version}") as left_by,
    ):
        state = opened(host, left_by)
        unsplit(host)
        candidate.verify(host, state, made, "canary start")
        stable = host.server.default().version
        free(routing.read(host.store), stable, made.version)
        split = Canary(made.version, routing.percent(percent), routing.salt(salt))
        begun.append(True)
        routed = replace(routing.read(host.store), stable=stable, canary=split)
        beginning = Beginning(
            "canary start", PART, made.version, [made.version], routed, made.fresh, True, accept_drift, how.note
        )
        part.begin(host, state, steps, beginning)
    steps.report(
        f"{made.version} gets {split.percent:g} % beside {stable}. Next: bash scripts/canary.sh status | set PERCENT | "
        "promote | abort"
    )


def plan_start(host: Host, target: str, percent: float, how: Packaging, *, accept_drift: bool = False) -> None:
    """Say what starting would do; change nothing. Raises OpsError where it could not even begin."""
    now = preflight(host)
    unsplit(host)
    to = candidate.check(host, target, how)
    free(routing.glance(host.store), now.version, to)
    kept = candidate.is_kept(target)
    compared = "say how its answers differ" if accept_drift else "stop if its answers drift"
    say(f"""Dry run, nothing is changed. It would:
  package      {f"nothing: {to} is kept" if kept else f"{target} as version {to}, keep it as {kept_archive(to).name}"}
  register     {to} beside {now.version}, {max(now.min_workers, 1)} worker(s), batch {now.batch_size}; wait until READY
  check        {len(pictures())} sample(s) against {now.version}; {compared}
  route        {routing.percent(percent):g} % of the requests to {to}, the rest to {now.version}""")


def free(present: Routing, stable: str, version: str) -> None:
    """Raise NotNowError when a version plays another part already."""
    if version == stable:
        raise NotNowError(f"{version} is the version that serves already. Nothing changed")
    for playing, mend in (
        ("canary", "canary.sh abort"),
        ("experiment", "experiment.sh stop"),
        ("shadow", "shadow.sh stop"),
    ):
        if version in present.versions(playing):
            raise NotNowError(f"{version} is in the {playing} already. End that first: bash scripts/{mend}")


def active(host: Host) -> tuple[Routing, Canary]:
    """Return the routing and its canary. Raises NotNowError when there is none."""
    present = routing.read(host.store)
    if present.canary is None:
        raise NotNowError("no canary is active. Start one: bash scripts/canary.sh start NEW.pt --percent 10")
    return present, present.canary


def set_percent(host: Host, percent: float, *, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send the canary another share. Loads it again where a restarted server came back without it. Raises OpsError."""
    share = routing.percent(percent)
    if dry_run:
        unlocked(host)
        _, now = active(host)
        change = f"send {share:g} % to {now.version}, which gets {now.percent:g} % now"
        say(f"Dry run, nothing is changed. It would {change}.")
        return
    steps = Steps()
    with lock.held(host.store, f"canary set {share:g}", wait_s) as left_by:
        state = opened(host, left_by)
        present, now = active(host)
        releases.verified(host.store, state, now.version)
        beside = Beside(host, steps, host.server.default())
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
        unlocked(host)
        present, now = active(host)
        releases.verified(host.store, releases.look(host.store)[0], now.version)
        say(f"""Dry run, nothing is changed. It would:
  route        everything to {now.version}, which gets {now.percent:g} % now
  switch       yolo.mar and the default to {now.version}
  drain        {present.stable}, then unregister it""")
        return
    steps = Steps()
    with lock.held(host.store, "promotion of the canary", wait_s) as left_by:
        state = opened(host, left_by)
        present, now = active(host)
        releases.verified(host.store, state, now.version)
        transaction = Transaction(host, state, steps, "promote", now.version, fresh=False, note=why, canary_of=present)
        transaction.run(compare=False, accept_drift=True)
        routing.forget_auto(host.store)
    old = transaction.before.version
    steps.report(f"{now.version} is live, {old} is kept. The way back: bash scripts/rollback.sh")


def abort(host: Host, *, keep: bool = False, dry_run: bool = False, why: str = "", wait_s: float = 0.0) -> None:
    """Send everything to the stable version again and remove the canary. Raises OpsError."""
    if dry_run:
        unlocked(host)
        present, now = active(host)
        gone = removable(releases.look(host.store)[0], now.version) and not keep
        say(f"""Dry run, nothing is changed. It would:
  route        everything to {present.stable}
  drain        {now.version}, then unregister it
  archive      {kept_archive(now.version).name} is {"removed (--keep keeps it)" if gone else "kept"}""")
        return
    steps = Steps()
    with lock.held(host.store, "abort of the canary", wait_s) as left_by:
        state = opened(host, left_by)
        active(host)
        became = end_any(host, state, steps, why, keep=keep)
    steps.report(f"everything goes to {part.default_version(host) or 'the default version'} again; {became}")


def end_any(host: Host, state: releases.Releases, steps: Steps, why: str, *, keep: bool = False) -> str:
    """End the canary, if there is one; needs the lock. Returns what became of its archive. Raises OpsError."""
    found = routing.read(host.store).canary
    if found is None:
        return ""
    remove = removable(state, found.version) and not keep
    part.end(host, state, steps, "canary abort", PART, to=found.version, remove=remove, detail=why)
    routing.forget_auto(host.store)
    return f"the archive of {found.version} is {'removed' if remove else 'kept'}"


def removable(state: releases.Releases, version: str) -> bool:
    """Tell whether a version was packaged for this canary and has never been anything else."""
    record = state.releases.get(version)
    return record is not None and record.made_for == PART and not record.served
