"""A shadow: a version is asked what clients ask, after they have their answer; only the differences are counted."""

from __future__ import annotations

from dataclasses import replace

from ops import candidate, lock, part, releases, routing
from ops.canary import free
from ops.candidate import Packaging
from ops.console import say
from ops.errors import NotNowError
from ops.host import Host
from ops.opening import alone, opened, preflight, unlocked
from ops.part import Beginning
from ops.paths import kept_archive
from ops.routing import Routing, Shadow
from ops.steps import Steps

PART = "shadow"


def start(host: Host, target: str, percent: float, how: Packaging | None = None, *, accept_drift: bool = False) -> None:
    """Load weights or a kept version beside the running one and mirror a share of the requests to it.

    Its answers reach nobody, so they may differ: what differs is said. Raises OpsError; then nothing of it is left.
    """
    how = how or Packaging()
    with candidate.asked_first(host, how):
        preflight(host)
        no_other(routing.glance(host.store))
        candidate.check(host, target, how)
    steps = Steps()
    made = candidate.obtain(host, steps, target, how)
    with (
        candidate.guarded(host, made, "shadow") as begun,
        lock.held(host.store, f"shadow of {made.version}") as left_by,
    ):
        state = opened(host, left_by)
        candidate.verify(host, state, made, "shadow start")
        alone(host)
        present = routing.read(host.store)
        no_other(present)
        stable = host.server.default().version
        free(present, stable, made.version)
        mirrored = Shadow(made.version, routing.percent(percent))
        begun.append(True)
        routed = replace(present, stable=stable, shadow=mirrored)
        beginning = Beginning(
            "shadow start", PART, made.version, [made.version], routed, made.fresh, True, accept_drift, how.note
        )
        part.begin(host, state, steps, beginning)
    steps.report(
        f"{mirrored.percent:g} % of what {stable} is asked, {made.version} is asked as well. "
        "Next: bash scripts/shadow.sh status | stop"
    )


def plan_start(host: Host, target: str, percent: float, how: Packaging) -> None:
    """Say what starting would do; change nothing. Raises OpsError where it could not even begin."""
    now = preflight(host)
    no_other(routing.glance(host.store))
    to = candidate.check(host, target, how)
    free(routing.glance(host.store), now.version, to)
    kept = candidate.is_kept(target)
    say(f"""Dry run, nothing is changed. It would:
  package      {f"nothing: {to} is kept" if kept else f"{target} as version {to}, keep it as {kept_archive(to).name}"}
  register     {to} beside {now.version}, {max(now.min_workers, 1)} worker(s); wait until READY, check
  mirror       {routing.percent(percent):g} % of the requests to {to}, after their answers have left""")


def no_other(present: Routing) -> None:
    """Raise NotNowError when there is a shadow already."""
    if present.shadow:
        raise NotNowError(f"{present.shadow.version} is the shadow already. End it first: bash scripts/shadow.sh stop")


def stop(host: Host, *, remove: bool = False, dry_run: bool = False) -> None:
    """Mirror nothing any more. `remove`: the archive goes, when it was packaged for this. Raises OpsError."""
    if dry_run:
        unlocked(host)
        found = _active(routing.read(host.store))
        gone = remove and removable(releases.look(host.store)[0], found.version)
        say(f"""Dry run, nothing is changed. It would:
  mirror       nothing to {found.version} any more; unregister it
  archive      {kept_archive(found.version).name} is {"removed" if gone else "kept"}""")
        return
    steps = Steps()
    with lock.held(host.store, "end of the shadow") as left_by:
        state = opened(host, left_by)
        found = _active(routing.read(host.store))
        gone = remove and removable(state, found.version)
        part.end(host, state, steps, "shadow stop", PART, to=found.version, remove=gone)
    steps.report(f"nothing is mirrored any more; the archive of {found.version} is {'removed' if gone else 'kept'}")


def removable(state: releases.Releases, version: str) -> bool:
    """Tell whether a version was packaged to be a shadow and has never been anything else."""
    record = state.releases.get(version)
    return record is not None and record.made_for == PART and not record.served


def _active(present: Routing) -> Shadow:
    if present.shadow is None:
        raise NotNowError("no shadow is active. Start one: bash scripts/shadow.sh start NEW.pt --percent 20")
    return present.shadow
