"""Is the side that is to answer ready, and does it answer what the other one does?"""

from __future__ import annotations

from collections.abc import Callable

from ops.errors import OpsError
from ops.samples import pictures
from ops.terminal.steps import Steps
from ops.torchserve import drift, smoke_test
from ops.torchserve.client import UNAVAILABLE, Loaded
from ops.torchserve.host import Host
from ops.torchserve.smoke_test import Asked

#: For a server whose Java, Python and model have to start; as long as the health check in Compose gives it.
START_S = 180.0
#: In a row: a program that ends at once is tried again and again.
FAILING_AT_MOST = 3


def await_ready(host: Host, deadline_s: float, alive: Callable[[], bool] = lambda: True) -> Loaded:
    """Return the default version of a side when its workers are READY. Raises OpsError with what was seen last."""
    failures = 0

    def ask() -> Loaded:
        nonlocal failures
        failures = 0 if alive() else failures + 1
        if failures > FAILING_AT_MOST:
            raise OpsError(f"{host.side} ends as soon as it is started ({host.program})")
        return host.server.default()

    return smoke_test.await_ready(ask, host.side, deadline_s, patient=UNAVAILABLE)


def check(steps: Steps, idle: Host, serving: Host, *, accept_drift: bool) -> None:
    """Ask both about the samples and hold the answers against each other. A side in force that is gone counts as none.

    Raises OpsError when an answer of the idle side is none, DriftError when they differ and that is not accepted.
    """
    asked = pictures()
    new = Asked(idle.server, idle.server.default().version, idle.side)
    with steps.step(f"warm {idle.side} up"):
        new.warm(asked)
    with steps.step(f"check {idle.side} on {len(asked)} sample(s)") as remarks:
        after = new.answers(asked)
        remarks.append(f"{new.version} on {idle.side} finds {smoke_test.found(after)}")
        running = Asked(serving.server, _version(serving), serving.side)
        smoke_test.compare(asked, after, new, running, remarks, accept_drift=accept_drift, but=smoke_test.GONE)


def answers(idle: Host) -> str:
    """Have one picture answered. Returns the version. Raises OpsError."""
    version = idle.server.default().version
    drift.read(idle.server.predict(next(iter(pictures().values()))), version)
    return version


def _version(serving: Host) -> str:
    """Return the version in force; one that does not say it is asked all the same."""
    try:
        return serving.server.default().version
    except UNAVAILABLE:
        return ""
