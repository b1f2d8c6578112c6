"""The smoke test: a new version has to answer the sample pictures, and as the running version does.

The new one may be another version on the same server, or the version of the standby server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from ops.errors import OpsError
from ops.samples import pictures
from ops.terminal.steps import Steps
from ops.torchserve import drift
from ops.torchserve.client import RefusedError, Server

Errors = tuple[type[OpsError], ...]

#: With these errors the running version may fail: a broken one is no reason to keep it.
FAILURES: Errors = (RefusedError, drift.NoAnswerError)


@dataclass(frozen=True)
class Subject:
    """A version on a server, and its name in messages."""

    server: Server
    version: str
    name: str

    def answers(self, asked: Mapping[str, bytes], tolerated: Errors = ()) -> dict[str, drift.Answer]:
        """Return the answers by picture, without those that fail with an error in `tolerated`.

        Raises RefusedError, UnreachableError and drift.NoAnswerError.
        """
        given: dict[str, drift.Answer] = {}
        for name, picture in asked.items():
            with contextlib.suppress(*tolerated):
                given[name] = drift.read(self.server.predict(picture, self.version), self.version)
        return given


def check(
    steps: Steps,
    new: Subject,
    running: Subject | None,
    *,
    accept_drift: bool,
    tolerated: Errors = FAILURES,
) -> None:
    """Send the samples to `new`, and compare its answers with those of `running`, if one is given.

    `running` may fail with an error in `tolerated`. Raises OpsError when `new` gives no valid answer, DriftError when
    the answers differ too much and that is not accepted.
    """
    asked = pictures()
    if running is not None:  # without one the version has served before, and its first answers are all that is wanted
        with steps.step("warm up"):
            for picture in asked.values():
                new.server.predict(picture, new.version)
    with steps.step(f"check it on {len(asked)} sample(s)") as remarks:
        after = new.answers(asked)
        remarks.append(f"found {_found(after)}")
        if running is None:
            return
        before = running.answers(asked, tolerated)
        names: dict[str, str] = {}
        with contextlib.suppress(*tolerated):
            names = running.server.names(running.version)
        remarks.append(f"{running.name} finds {_found(before)}")
        problems = drift.compare(before, after, names, new.server.names(new.version))
        if remark := drift.judge(problems, accept_drift, new.name, running.name):
            remarks.append(remark)


def _found(answers: Mapping[str, drift.Answer]) -> int:
    """Return the number of objects in all answers."""
    return sum(answer.found for answer in answers.values())
