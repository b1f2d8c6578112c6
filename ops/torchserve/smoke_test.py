"""Is a version that nobody is sent to READY, and does it answer what the running one does?

It may be another version on the same server (`beside`) or one on the other server (`side_by_side`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ops.errors import OpsError
from ops.system.polling import poll
from ops.torchserve import drift
from ops.torchserve.client import Loaded, RefusedError, Server, UnreachableError

#: What the running version may fail with: that is no reason to keep it.
FAILS = (RefusedError, drift.NoAnswerError)
GONE = (*FAILS, UnreachableError)


@dataclass(frozen=True)
class Asked:
    """A version on a server, and what people call it where answers differ."""

    server: Server
    version: str
    name: str

    def warm(self, pictures: Mapping[str, bytes]) -> None:
        """Have each picture answered once, whatever the answer. Raises as the server does."""
        for picture in pictures.values():
            self.server.predict(picture, self.version)

    def answers(self, pictures: Mapping[str, bytes], but: tuple[type[OpsError], ...] = ()) -> dict[str, drift.Answer]:
        """Return its answers by picture, without those that fail with one of `but`. Raises as the server does."""
        given: dict[str, drift.Answer] = {}
        for name, picture in pictures.items():
            with contextlib.suppress(*but):
                given[name] = drift.read(self.server.predict(picture, self.version), self.version)
        return given


def found(answers: Mapping[str, drift.Answer]) -> int:
    """Return how many objects were found in all."""
    return sum(answer.found for answer in answers.values())


def compare(
    pictures: Mapping[str, bytes],
    after: Mapping[str, drift.Answer],
    new: Asked,
    running: Asked,
    remarks: list[str],
    *,
    accept_drift: bool,
    but: tuple[type[OpsError], ...] = FAILS,
) -> None:
    """Hold the answers of the new one (`after`) against those of the running one, which may fail with one of `but`.

    What is seen is added to `remarks`. Raises DriftError when they differ too much and that is not accepted.
    """
    before = running.answers(pictures, but)
    names: dict[str, str] = {}
    with contextlib.suppress(*but):
        names = running.server.names(running.version)
    remarks.append(f"{running.name} finds {found(before)}")
    problems = drift.compare(before, after, names, new.server.names(new.version))
    if remark := drift.judge(problems, accept_drift, new.name, running.name):
        remarks.append(remark)


def await_ready(
    ask: Callable[[], Loaded], name: str, deadline_s: float, patient: tuple[type[OpsError], ...] = ()
) -> Loaded:
    """Return what `ask` says when all its workers are READY; asked again when it raises one of `patient`.

    Raises OpsError when a worker dies while it loads, or at the deadline, with what was seen last.
    """
    seen = ""
    pids: set[int] = set()

    def ready() -> Loaded | None:
        nonlocal seen
        try:
            loaded = ask()
        except patient as error:
            seen = str(error)
            return None
        if loaded.ready:
            return loaded
        pids.update(pid for state, pid in loaded.workers if pid > 0 and state != "READY")
        if len(pids) > max(len(loaded.workers), 1):  # TorchServe starts it again and again, with a new pid
            raise OpsError(f"a worker of {name} died while it loaded")
        seen = f"workers: {', '.join(state for state, _ in loaded.workers) or 'none'}"
        return None

    loaded = poll(ready, deadline_s)
    if loaded is None:
        raise OpsError(f"{name} was not READY within {deadline_s:.0f} s: {seen}")
    return loaded
