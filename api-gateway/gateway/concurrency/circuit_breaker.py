"""Circuit breaker: pause the calls to a service that fails, instead of waiting for it in every request."""

import time
from collections.abc import Callable

FAILURES = 3
PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0


class Breaker:
    """Opens after some failures in a row; then one call per pause is allowed, until one succeeds.

    Pauses double from ``pause_s`` to ``longest_s`` seconds. ``clock`` gives monotonic seconds; tests give their own.
    Not for threads.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        pause_s: float = PAUSE_S,
        longest_s: float = LONGEST_PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = failures
        self._first_pause_s = pause_s
        self._longest_s = longest_s
        self._clock = clock
        self._failed, self._trying = 0, False
        self._pause_s = pause_s
        self._next_try = 0.0

    @property
    def open(self) -> bool:
        """Whether calls are held back."""
        return self._failed >= self._allowed

    def allows(self) -> bool:
        """Return whether to call now; while open, True for one caller per pause."""
        if not self.open:
            return True
        now = self._clock()
        if now < self._next_try:
            return False
        self._next_try = now + self._pause_s
        self._trying = True
        return True

    def failed(self) -> bool:
        """Note that a call failed; return whether this failure opened the breaker."""
        if self.open:
            if self._trying:  # otherwise the call was already under way when it opened
                self._trying = False
                self._pause_s = min(2 * self._pause_s, self._longest_s)
                self._next_try = self._clock() + self._pause_s
            return False
        self._failed += 1
        if self.open:
            self._next_try = self._clock() + self._pause_s
        return self.open

    def succeeded(self) -> bool:
        """Note that a call succeeded; return whether this closed the breaker."""
        was_open = self.open
        self._failed, self._trying = 0, False
        self._pause_s = self._first_pause_s
        return was_open
