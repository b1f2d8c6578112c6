"""Poll with a deadline: the one loop that waits for something outside this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

EVERY_S = 0.2


def poll(ask: Callable[[], T], deadline_s: float, every_s: float = EVERY_S) -> T:
    """Call `ask` until its answer is true or `deadline_s` seconds have passed, with pauses of `every_s` seconds.

    Returns the last answer, so a false one means that the deadline has passed. `ask` is called at least once, and what
    it raises ends the wait.
    """
    end = time.monotonic() + deadline_s
    while not (answer := ask()) and time.monotonic() <= end:
        time.sleep(every_s)
    return answer
