"""A canary whose share goes up step by step while it is as good as the stable version; else it is aborted.

No lock is held between the steps, so that a person can end the canary at any time; whatever others change ends the run.
What a run needs to go on after it was killed is in the model store: the same command resumes the step it was in.
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
from ops.paths import script
from ops.rollout.preconditions import served
from ops.rollout.recovery import operation
from ops.store import routing
from ops.store.routing import Canary
from ops.system.files import read_json, write_json
from ops.terminal.console import progress, say
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby
from ops.traffic import analysis, canary
from ops.traffic.analysis import Bounds

GUARD = ".canary-auto-guard"
POLL_S = 2.0
# Other operations hold the lock for seconds; packaging, which takes long, does not hold it.
LOCK_WAIT_S = 300.0


@dataclass(frozen=True)
class Watch:
    """The canary that a run is about (a later one has another salt), and the step it is in.

    `began`: when the step began, in seconds since the epoch. `base`: the gateways' counts then. `judged`: it is passed.
    """

    version: str
    salt: str
    steps: list[float]
    bounds: dict[str, float]
    percent: float = -1.0
    began: float = 0.0
    base: counters.Baseline = field(default_factory=dict)
    judged: bool = False


def load(store: Path) -> Watch | None:
    """Return the state of a run that has not ended."""
    try:
        return Watch(**(read_json(store / routing.AUTO) or {}))
    except TypeError:
        return None


@contextmanager
def single_run(store: Path) -> Iterator[None]:
    """Hold the lock of the run; the kernel releases it when the run is killed. Raises LockedError."""
    with (store / GUARD).open("a") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LockedError("another `canary.sh auto` watches this canary already. Nothing changed") from error
        yield


def run(host: Host, gateways: Gateways, steps: list[float] | None = None, given: dict[str, Any] | None = None) -> None:
    """Raise the canary's share step by step. `given`: bounds other than the defaults, or than those of a resumed run.

    Raises OutOfBoundsError when the canary was aborted, NotNowError when others have ended or changed it.
    """
    with single_run(host.store):
        watch = _resume_or_begin(host)
        watch = replace(watch, steps=steps or watch.steps, bounds={**watch.bounds, **(given or {})})
        bounds = Bounds(**watch.bounds).check()  # type: ignore[arg-type]
        _save(host, watch)
        while (share := _set_next_share(host, watch)) is not None:
            watch = _begin_step(host, watch, share, gateways)
            verdict, why = _watch_step(host, watch, bounds, gateways)
            if verdict == "bad":
                canary.abort(host, why=f"auto: at {share:g} %: {why}", wait_s=LOCK_WAIT_S)
                _forget(host)
                raise OutOfBoundsError(f"{watch.version} was taken back: at {share:g} % {why}")
            say(f"  {watch.version} at {share:g} %: {why}")
            watch = replace(watch, judged=True)
            _save(host, watch)
        _forget(host)


def _resume_or_begin(host: Host) -> Watch:
    """Return the unfinished run of this canary, or a new one. Raises OpsError."""
    left = load(host.store)
    with operation(host, "canary auto", wait_s=LOCK_WAIT_S) as begun:
        current = begun.state.current
    if left is not None and routing.read(host.store).canary is None:
        _forget(host)
        outcome = "was promoted" if current == left.version else "was taken back"
        raise NotNowError(f"the canary {left.version} {outcome} already; nothing more to do")
    _, now = canary.active(host)
    if left is not None and (left.version, left.salt) == (now.version, now.salt):
        say(f"  goes on where it was: {now.version} at {now.percent:g} %")
        return left
    return Watch(now.version, now.salt, list(analysis.STEPS), asdict(Bounds()))


def _set_next_share(host: Host, watch: Watch) -> float | None:
    """Return the percentage to watch: what the canary has, or the next step if that is judged. None when it is over."""
    _, now = _watched_canary(host, watch)
    is_judged = now.percent in (0, 100) or (watch.judged and watch.percent == now.percent)
    if not is_judged:
        return now.percent
    following = next((share for share in watch.steps if share > now.percent), None)
    if following is None:
        promote = script("canary.sh promote", host.store)
        say(f"{watch.version} stays at {now.percent:g} %, the last step. Next: {promote}")
    elif following == 100:
        canary.promote(host, why="auto", wait_s=LOCK_WAIT_S)
        return None
    else:
        canary.set_percent(host, following, why="auto", wait_s=LOCK_WAIT_S)
    return following


def _watched_canary(host: Host, watch: Watch) -> tuple[routing.Routing, Canary]:
    """Return the routing and the canary that is watched. Raises NotNowError when others have ended it."""
    present = routing.read(host.store)
    now = present.canary
    if now is None or (now.version, now.salt) != (watch.version, watch.salt):
        _forget(host)
        raise NotNowError(f"the canary {watch.version} was ended by somebody else; nothing more to do")
    return present, now


def _begin_step(host: Host, watch: Watch, share: float, gateways: Gateways) -> Watch:
    """Record the counts at which a step begins, unless they were recorded before the run was killed."""
    if watch.percent == share and not watch.judged:
        return watch
    routing.await_notice()
    seen, problems = gateways.read()
    for problem in problems:
        say(f"  note: {problem}")
    watch = replace(watch, percent=share, began=time.time(), base=counters.baseline(seen), judged=False)
    _save(host, watch)
    return watch


def _watch_step(host: Host, watch: Watch, bounds: Bounds, gateways: Gateways) -> tuple[analysis.Verdict, str]:
    """Watch a step until there is a verdict. Raises NotNowError when somebody else changes the canary meanwhile."""
    latest = ""
    with progress(f"watching {watch.version} at {watch.percent:g} %", lambda: latest):
        while True:
            present, now = _watched_canary(host, watch)
            if now.percent != watch.percent:
                raise NotNowError(
                    f"somebody set {watch.version} to {now.percent:g} %. To go on from there: "
                    f"{script('canary.sh auto', host.store)}"
                )
            _reload(host, now.version)
            seen, problems = gateways.read()
            base = counters.add_missing(watch.base, seen)
            if base != watch.base:
                watch = replace(watch, base=base)
                _save(host, watch)
            candidate = counters.measure(seen, base, now.version, "canary")
            stable = counters.measure(seen, base, present.stable or "", "stable")
            verdict, why = analysis.judge(candidate, stable, bounds)
            latest = "; ".join([why, *problems])
            passed = time.time() - watch.began
            if verdict == "bad" or (verdict == "good" and passed >= bounds.hold_s):
                return verdict, why
            if verdict == "wait" and passed > bounds.deadline_s:
                return "bad", f"it could not be judged in {bounds.deadline_s:g} s: {latest}"
            time.sleep(POLL_S)


def _reload(host: Host, version: str) -> None:
    """Load the canary again where TorchServe has restarted without it. Until then its requests count as failures."""
    try:
        if host.server.has(version):
            return
    except UNAVAILABLE:
        return
    default = served(host)
    if default is None:
        return
    try:
        with operation(host, f"loading the canary {version} again", wait_s=30.0) as begun:
            if version in routing.read(host.store).versions("canary"):
                Standby(host, begun.steps, default).ensure(version)
    except OpsError as error:
        say(f"  note: {version} cannot be loaded: {error}")


def _save(host: Host, watch: Watch) -> None:
    write_json(host.store / routing.AUTO, asdict(watch))


def _forget(host: Host) -> None:
    (host.store / routing.AUTO).unlink(missing_ok=True)
