"""Single requests to a contestant: wait for its first answer, and read its boxes for every image."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.contestants.roster import Boxes, Contestant
from benchmarks.load.http_client import TIMEOUT_S, RequestFailed, send_once
from benchmarks.load.target import Target
from ops.errors import OpsError

POLL_S = 0.05
FIRST_ANSWER_S = 180.0
# A server may accept a request before it can serve and never answer it: send another one after this time.
PATIENCE_S = 5.0


def read_boxes(contestant: Contestant, target: Target, image: Path, timeout_s: float = TIMEOUT_S) -> Boxes:
    """Return the boxes that the contestant finds in an image. Raises OpsError."""
    try:
        answer = asyncio.run(send_once(target, image, timeout_s))
        if answer.status == 200:
            return contestant.read(answer.body)
        problem = f"{answer.status} {answer.body[:200]!r}"
    except (RequestFailed, TimeoutError, ValueError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__} {error}"
    raise OpsError(f"{contestant.name}: {image.name}: {problem}")


def await_first_answer(
    contestant: Contestant, target: Target, image: Path, exit_code: Callable[[], int | None]
) -> None:
    """Send an image until its boxes can be read. Raises OpsError when the server exits or time runs out."""
    end = time.monotonic() + FIRST_ANSWER_S
    while True:
        if (code := exit_code()) is not None:
            raise OpsError(f"{contestant.name}: the server exited with code {code}")
        try:
            read_boxes(contestant, target, image, PATIENCE_S)
            return
        except OpsError as error:
            if time.monotonic() > end:
                raise OpsError(f"no usable answer in {FIRST_ANSWER_S:.0f} s. Last: {error}") from error
        time.sleep(POLL_S)
