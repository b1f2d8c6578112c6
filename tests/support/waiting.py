"""Time in tests: poll with a deadline, or a clock that the test sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# A condition that does hold costs no time; on a busy machine it may take minutes until a model server has started.
DEADLINE_S = 300


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Poll until `condition` is true and return what it gave; fail naming `what` at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s:.0f} s in vain until {what}")
        time.sleep(0.1)
