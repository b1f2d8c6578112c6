"""One-off questions to a server: has it answered yet, and what does it find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.contestants.roster import Boxes, Contestant
from benchmarks.load.http_client import RequestFailed, Target
from benchmarks.load.loops import answer
from ops.errors import OpsError

POLL_S = 0.05
FIRST_ANSWER_S = 180.0
# A server that takes a request before it can serve it may let it hang; ask again rather than wait for that one.
PATIENCE_S = 5.0


def first_answer(contestant: Contestant, target: Target, picture: Path, exited: Callable[[], int | None]) -> None:
    """Ask until a picture is answered with readable boxes. Raises OpsError when the server ends or never does."""
    end = time.monotonic() + FIRST_ANSWER_S
    last = "no answer"
    while time.monotonic() < end:
        code = exited()
        if code is not None:
            raise OpsError(f"{contestant.name}: the server ended with exit code {code}")
        try:
            got = asyncio.run(answer(target, picture, PATIENCE_S))
            if got.status == 200:
                contestant.read(got.body)
                return
            last = f"{got.status}: {got.body[:200]!r}"
        except (RequestFailed, TimeoutError, ValueError, KeyError, TypeError) as error:
            last = f"{type(error).__name__}: {error}"
        time.sleep(POLL_S)
    raise OpsError(f"{contestant.name}: no usable answer in {FIRST_ANSWER_S:.0f} s (last: {last})")


def boxes(contestant: Contestant, target: Target, pictures: list[Path]) -> list[Boxes]:
    """Return what the contestant finds in each picture, asked one at a time. Raises OpsError."""
    found = []
    for picture in pictures:
        try:
            got = asyncio.run(answer(target, picture))
        except (RequestFailed, TimeoutError) as error:
            raise OpsError(f"{contestant.name}: {picture.name}: {error or 'timed out'}") from error
        if got.status != 200:
            raise OpsError(f"{contestant.name}: {picture.name}: {got.status} {got.body[:200]!r}")
        found.append(contestant.read(got.body))
    return found
