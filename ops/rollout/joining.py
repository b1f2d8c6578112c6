"""A version joins the stable one, as canary or shadow: packaged of weights or kept already, then `part.begin`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ops.errors import NotNowError
from ops.paths import kept_archive
from ops.rollout import candidate, split
from ops.rollout.candidate import Packaging
from ops.rollout.preconditions import opened, preflight
from ops.rollout.split import Beginning
from ops.samples import pictures
from ops.store import lock, routing
from ops.store.routing import PARTS, Routing
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.host import Host


@dataclass(frozen=True)
class Joining:
    """What joins: weights or a kept version (`target`), as what (`part`).

    `allowed` raises NotNowError where that cannot be now. `routed` gives a version its part in a routing.
    """

    part: str
    target: str
    how: Packaging
    allowed: Callable[[Host], None]
    routed: Callable[[Routing, str], Routing]
    accept_drift: bool = False


def start(host: Host, steps: Steps, what: Joining) -> tuple[str, str]:
    """Put it in force; return its version and the stable one. Raises OpsError; then nothing of it is left."""
    with candidate.guarded(host, what.target, what.how, what.part) as guard:
        preflight(host)
        what.allowed(host)
        candidate.check(host, what.target, what.how)
        made = guard.made = candidate.obtain(host, steps, what.target, what.how)
        with lock.held(host.store, f"{what.part} of {made.version}"):
            state = opened(host)
            what.allowed(host)
            candidate.verify(host, state, made, f"{what.part} start")
            present, stable = routing.read(host.store), host.server.default().version
            free(present, stable, made.version)
            beginning = Beginning(
                f"{what.part} start",
                what.part,
                made.version,
                [made.version],
                what.routed(replace(present, stable=stable), made.version),
                fresh=made.fresh,
                accept_drift=what.accept_drift,
                note=what.how.note,
            )
            guard.begun = True
            split.begin(host, state, steps, beginning)
    return made.version, stable


def plan(host: Host, what: Joining) -> tuple[str, str]:
    """Say what joining would do; change nothing. Returns its version and the stable one.

    Raises OpsError where it could not even begin.
    """
    now = preflight(host)
    what.allowed(host)
    to = candidate.check(host, what.target, what.how)
    free(routing.glance(host.store), now.version, to)
    kept = candidate.is_kept(what.target)
    package = f"nothing: {to} is kept" if kept else f"{what.target} as version {to}, keep it as {kept_archive(to).name}"
    compared = "say how its answers differ" if what.accept_drift else "stop if its answers drift"
    say(f"""Dry run, nothing is changed. It would:
  package      {package}
  register     {to} beside {now.version}, {max(now.min_workers, 1)} worker(s), batch {now.batch_size}; wait until READY
  check        {len(pictures())} sample(s) against {now.version}; {compared}""")
    return to, now.version


def free(present: Routing, stable: str, version: str) -> None:
    """Raise NotNowError when a version plays another part already."""
    if version == stable:
        raise NotNowError(f"{version} is the version that serves already. Nothing changed")
    for playing in PARTS:
        if version in present.versions(playing):
            end = "canary.sh abort" if playing == "canary" else f"{playing}.sh stop"
            raise NotNowError(f"{version} is in the {playing} already. End that first: bash scripts/{end}")
