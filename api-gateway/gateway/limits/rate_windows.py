"""Counters of the rate limits in this process: bounded, and a fixed cost for each request."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from limits.aio.storage import SlidingWindowCounterSupport, Storage

#: About 3 MB. The caller not seen for longest is forgotten first.
MOST_CALLERS = 10_000


@dataclass(slots=True)
class _Window:
    started: float
    current: int = 0
    previous: int = 0


class MemoryWindows(Storage, SlidingWindowCounterSupport):
    """A storage of the ``limits`` library for its sliding window counter; windows start with a caller's first request.

    The library's own ``MemoryStorage`` looks at all its counters in every request and holds as many as there are
    callers. ``clock`` gives seconds that only go forward.
    """

    STORAGE_SCHEME = None  # made by hand, never from an address

    def __init__(self, most: int = MOST_CALLERS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._most = most
        self._clock = clock

    def __len__(self) -> int:
        """Count the callers that are remembered."""
        return len(self._windows)

    @property
    def base_exceptions(self) -> type[Exception]:
        """The storage's own errors: it has none, and the library wants a type."""
        return ValueError

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a request if the weighted windows leave room for it."""
        now = self._clock()
        window = self._at(key, expiry, now)
        if window is None:
            window = self._windows[key] = _Window(now)
            if len(self._windows) > self._most:
                self._windows.popitem(last=False)
        weight = window.previous * (1 - (now - window.started) / expiry)
        if int(weight) + window.current + amount > limit:
            return False
        window.current += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return both counters, each with the seconds for which it still counts."""
        now = self._clock()
        window = self._at(key, expiry, now)
        if window is None:
            return 0, 0.0, 0, 0.0
        left = expiry - (now - window.started)
        return window.previous, left if window.previous else 0.0, window.current, left + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a caller."""
        self._windows.pop(key, None)

    async def clear(self, key: str) -> None:
        """Forget a caller."""
        self._windows.pop(key, None)

    async def reset(self) -> int | None:
        """Forget all callers; return their number."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def check(self) -> bool:
        """Return that it works."""
        return True

    # The fixed window: the library's base class wants its methods, and the sliding window never calls them.

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not supported."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """Not supported."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """Not supported."""
        raise NotImplementedError

    def _at(self, key: str, expiry: int, now: float) -> _Window | None:
        """Find a caller's window as it is now, and note that the caller was seen."""
        window = self._windows.get(key)
        if window is None:
            return None
        age = now - window.started
        if age >= 2 * expiry:
            del self._windows[key]
            return None
        if age >= expiry:
            window.previous, window.current = window.current, 0
            window.started += expiry
        self._windows.move_to_end(key)
        return window
