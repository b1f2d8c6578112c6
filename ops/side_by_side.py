"""Is the side that is to answer ready, and does it answer what the other one does?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping

from ops import drift
from ops.errors import OpsError
from ops.host import Host
from ops.management import Loaded, RefusedError, UnreachableError
from ops.probes import pictures
from ops.steps import Steps

POLL_S = 0.2
#: For a server whose Java, Python and model have to start; as long as the health check in Compose gives it.
START_S = 180.0
#: In a row: a program that ends at once is tried again and again.
FAILING_AT_MOST = 3


def await_ready(host: Host, deadline_s: float, alive: Callable[[], bool] = lambda: True) -> Loaded:
    """Return the default version of a side when its workers are READY. Raises OpsError with what was seen last."""
    end, failures, seen = time.monotonic() + deadline_s, 0, "it was not asked yet"
    pids: set[int] = set()
    while True:
        try:
            loaded = host.server.default()
            if loaded.ready:
                return loaded
            pids |= {pid for state, pid in loaded.workers if pid > 0 and state != "READY"}
            if len(pids) > max(len(loaded.workers), 1):  # TorchServe starts it again and again, with a new pid
                raise OpsError(f"a worker of {host.side} died while it loaded")
            seen = f"workers: {', '.join(state for state, _ in loaded.workers) or 'none'}"
        except (UnreachableError, RefusedError) as error:
            seen = str(error)
        failures = 0 if alive() else failures + 1
        if failures > FAILING_AT_MOST:
            raise OpsError(f"{host.side} ends as soon as it is started ({host.program})")
        if time.monotonic() > end:
            raise OpsError(f"{host.side} was not READY within {deadline_s:.0f} s: {seen}")
        time.sleep(POLL_S)


def check(steps: Steps, idle: Host, serving: Host, *, accept_drift: bool) -> None:
    """Ask both about the samples and hold the answers against each other.

    Raises OpsError when an answer of the idle side is none, DriftError when they differ and that is not accepted.
    """
    asked = pictures()
    version = idle.server.default().version
    with steps.step(f"warm {idle.side} up"):
        for picture in asked.values():
            idle.server.predict(picture)
    with steps.step(f"check {idle.side} on {len(asked)} sample(s)") as remarks:
        after = {name: drift.read(idle.server.predict(picture), version) for name, picture in asked.items()}
        remarks.append(f"{version} on {idle.side} finds {sum(answer.found for answer in after.values())}")
        before, names = _answers(serving, asked)
        remarks.append(f"{serving.side} finds {sum(answer.found for answer in before.values())}")
        problems = drift.compare(before, after, names, idle.server.names(version))
        if remark := drift.judge(problems, accept_drift, idle.side, serving.side):
            remarks.append(remark)


def answers(idle: Host) -> str:
    """Have one picture answered. Returns the version. Raises OpsError."""
    version = idle.server.default().version
    drift.read(idle.server.predict(next(iter(pictures().values()))), version)
    return version


def _answers(serving: Host, asked: Mapping[str, bytes]) -> tuple[dict[str, drift.Answer], dict[str, str]]:
    """Return what the side in force says now. One that fails, or is gone, is no reason to stay with it."""
    before: dict[str, drift.Answer] = {}
    names: dict[str, str] = {}
    with contextlib.suppress(RefusedError, UnreachableError):
        version = serving.server.default().version
        for name, picture in asked.items():
            with contextlib.suppress(RefusedError, drift.NoAnswerError):
                before[name] = drift.read(serving.server.predict(picture), version)
        names = serving.server.names(version)
    return before, names
