"""A place that is kept for a moment for the caller that has just been answered.

Anticipatory scheduling (Iyer and Druschel, 2001): a client sends its next request some milliseconds after an answer. If
its place went to another caller at once, each of its requests would wait for one more answer, and a caller with few
connections would get fewer turns than one with many.
"""

import asyncio
from collections.abc import Callable

#: For how long a place is kept: a share of the time that an answer takes, and at most so many seconds.
SHARE, LONGEST_S = 0.1, 0.05


class HeldPlace:
    """At most one place of a model; ``on_end`` gives it away when its caller has not come back in time."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._caller = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        """How many places are kept: 0 or 1."""
        return int(self._timer is not None)

    def hold(self, caller: str, took_s: float) -> None:
        """Keep a place for this caller, whose answer took so long, unless one is kept already."""
        if self._timer is None:
            self._caller = caller
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(SHARE * took_s, LONGEST_S), self._expire)

    def is_for(self, caller: str) -> bool:
        """Tell whether a place is kept for this caller."""
        return self._timer is not None and self._caller == caller

    def end(self) -> None:
        """Keep no place any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        self._on_end()
