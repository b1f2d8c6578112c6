"""A canary that goes up by itself while it is as good as the stable version, and is taken back when it is not.

It holds no lock while it watches, so that a person can always end the canary; whatever others change ends it. What it
needs to go on after being killed lies in the model store: the same command takes up the step it was in.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ops.errors import LockedError, NotNowError, OpsError, OutOfBoundsError
from ops.gateways import counters
from ops.gateways.counters import Gateways
from ops.rollout.recovery import operation
from ops.store import routing
from ops.store.routing import Canary
from ops.system.files import read_json, write_json
from ops.terminal.console import progress, say
from ops.terminal.steps import Steps
from ops.torchserve.client import RefusedError, UnreachableError
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby
from ops.traffic import analysis, canary
from ops.traffic.analysis import Bounds

GUARD = ".canary-auto-guard"
STEPS = (5, 25, 50, 100)
POLL_S = 2.0
# Others change the releases for seconds; packaging, which takes long, does not hold the lock.
LOCK_WAIT_S = 300.0


@dataclass(frozen=True)
class Watch:
    """What is being done: the canary it is about (a later one has another salt), and the step it is in.

    `began` in seconds since the epoch; `base`: the counts then, see `ops.gateways.counters`. `judged`: the step
    passed.
    """

    version: str
    salt: str
    steps: list[float]
    bounds: dict[str, float]
    percent: float = -1.0
    began: float = 0.0
    base: counters.Baseline = field(default_factory=dict)
    judged: bool = False

    def next_step(self, percent: float) -> float | None:
        """Return the step after a percentage, None after the last."""
        return next((step for step in self.steps if step > percent), None)


def load(store: Path) -> Watch | None:
    """Return what a run that did not come to its end was doing."""
    try:
        return Watch(**(read_json(store / routing.AUTO) or {}))
    except TypeError:
        return None


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Be the only one that watches. Raises LockedError. A killed one lets go."""
    with (store / GUARD).open("a") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LockedError("another `canary.sh auto` watches this canary already. Nothing changed") from error
        yield


def run(host: Host, gateways: Gateways, steps: list[float] | None = None, given: dict[str, Any] | None = None) -> None:
    """Take the canary up step by step. `given`: bounds that are not the default (or not those it was begun with).

    Raises OutOfBoundsError when the canary was taken back, NotNowError when others have ended or changed it.
    """
    with alone(host.store):
        watch = _open(host)
        watch = replace(watch, steps=steps or watch.steps, bounds={**watch.bounds, **(given or {})})
        limits = Bounds(**watch.bounds).check()  # type: ignore[arg-type]
        _save(host, watch)
        while True:
            share = _share(host, watch)
            if share is None:
                break
            watch = _begin(host, watch, share, gateways)
            verdict, why = _watch(host, watch, limits, gateways)
            if verdict == "bad":
                canary.abort(host, why=f"auto: at {share:g} %: {why}", wait_s=LOCK_WAIT_S)
                _forget(host)
                raise OutOfBoundsError(f"{watch.version} was taken back: at {share:g} % {why}")
            say(f"  {watch.version} at {share:g} %: {why}")
            watch = replace(watch, judged=True)
            _save(host, watch)
        _forget(host)


def _open(host: Host) -> Watch:
    """Mend what was left, and return what to do: the unfinished run of this canary, or a new one. Raises OpsError."""
    left = load(host.store)
    with operation(host, "canary auto", wait_s=LOCK_WAIT_S) as begun:
        current = begun.state.current
    found = routing.read(host.store).canary
    if found is None and left is not None:
        _forget(host)
        how = "was promoted" if current == left.version else "was taken back"
        raise NotNowError(f"the canary {left.version} {how} already; nothing more to do")
    _, now = canary.active(host)
    if left is not None and (left.version, left.salt) == (now.version, now.salt):
        say(f"  goes on where it was: {now.version} at {now.percent:g} %")
        return left
    return Watch(now.version, now.salt, list(STEPS), asdict(Bounds()))


def _share(host: Host, watch: Watch) -> float | None:
    """Return the percentage to watch: what the canary has, or the next step if that is done. None when it is over."""
    _, now = _same(host, watch)
    done = now.percent in (0, 100) or (watch.judged and watch.percent == now.percent)
    if not done:
        return now.percent
    following = watch.next_step(now.percent)
    if following is None:
        say(f"{watch.version} stays at {now.percent:g} %, the last step. Next: bash scripts/canary.sh promote")
    elif following == 100:
        canary.promote(host, why="auto", wait_s=LOCK_WAIT_S)
        return None
    else:
        canary.set_percent(host, following, why="auto", wait_s=LOCK_WAIT_S)
    return following


def _same(host: Host, watch: Watch) -> tuple[routing.Routing, Canary]:
    """Return the canary while it is the one that is watched. Raises NotNowError when others have ended it."""
    present = routing.read(host.store)
    now = present.canary
    if now is None or (now.version, now.salt) != (watch.version, watch.salt):
        _forget(host)
        raise NotNowError(f"the canary {watch.version} was ended by somebody else; nothing more to do")
    return present, now


def _begin(host: Host, watch: Watch, share: float, gateways: Gateways) -> Watch:
    """Note where the counting of a step begins, unless that was noted before a kill."""
    if watch.percent == share and not watch.judged:
        return watch
    routing.await_notice()
    seen, problems = gateways.read()
    for problem in problems:
        say(f"  note: {problem}")
    watch = replace(watch, percent=share, began=time.time(), base=counters.baseline(seen), judged=False)
    _save(host, watch)
    return watch


def _watch(host: Host, watch: Watch, limits: Bounds, gateways: Gateways) -> tuple[analysis.Verdict, str]:
    """Watch one step until there is a verdict. Raises NotNowError when somebody else changes the canary meanwhile."""
    heard = ""
    with progress(f"watching {watch.version} at {watch.percent:g} %", lambda: heard):
        while True:
            present, now = _same(host, watch)
            if now.percent != watch.percent:
                raise NotNowError(
                    f"somebody set {watch.version} to {now.percent:g} %. To go on from there: "
                    "bash scripts/canary.sh auto"
                )
            _revive(host, now.version)
            seen, problems = gateways.read()
            base = counters.add_missing(watch.base, seen)
            if base != watch.base:
                watch = replace(watch, base=base)
                _save(host, watch)
            theirs = counters.measure(seen, watch.base, now.version, "canary")
            ours = counters.measure(seen, watch.base, present.stable or "", "stable")
            verdict, why = analysis.judge(theirs, ours, limits)
            heard = "; ".join([why, *problems])
            passed = time.time() - watch.began
            if verdict == "bad":
                return verdict, why
            if verdict == "good" and passed >= limits.hold_s:
                return verdict, why
            if verdict == "wait" and passed > limits.deadline_s:
                return "bad", f"it could not be judged in {limits.deadline_s:g} s: {heard}"
            time.sleep(POLL_S)


def _revive(host: Host, version: str) -> None:
    """Load the canary again where TorchServe was restarted and came back without it. What fails counts as failures."""
    try:
        if version in {loaded.version for loaded in host.server.versions()}:
            return
        default = host.server.default()
    except (UnreachableError, RefusedError):
        return
    try:
        with operation(host, f"loading the canary {version} again", wait_s=30.0):
            if version in routing.read(host.store).versions("canary"):
                Standby(host, Steps(), default).ensure(version)
    except OpsError as error:
        say(f"  note: {version} cannot be loaded: {error}")


def _save(host: Host, watch: Watch) -> None:
    write_json(host.store / routing.AUTO, asdict(watch))


def _forget(host: Host) -> None:
    (host.store / routing.AUTO).unlink(missing_ok=True)
