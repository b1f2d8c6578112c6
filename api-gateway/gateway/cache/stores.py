"""The interface of a store of answers, and the store in this process's memory."""

import time
from collections.abc import Callable
from typing import Protocol

from cachetools import TTLCache

#: Bytes that Python and the table take for an entry in addition to its value: measured 390, key of 85 characters.
ENTRY_OVERHEAD = 512


class Store(Protocol):
    """Stores bytes by key for a while. No method ever raises: a failed look-up is None, a failed write is dropped."""

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under ``key``, or None."""
        ...

    async def set(self, key: str, value: bytes) -> None:
        """Keep ``value``, if it can be kept."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class MemoryStore:
    """At most ``max_bytes`` in memory, each for ``ttl_s`` seconds; what was not used for longest makes room."""

    def __init__(self, max_bytes: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: TTLCache[str, bytes] = TTLCache(max_bytes, ttl_s, timer=clock, getsizeof=_taken)

    @property
    def taken(self) -> float:
        """Bytes that are taken, overhead included."""
        return float(self._kept.currsize)

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under ``key``, or None."""
        return self._kept.get(key)

    async def set(self, key: str, value: bytes) -> None:
        """Keep ``value``, unless it alone is larger than all that may be taken."""
        if _taken(value) <= self._kept.maxsize:
            self._kept[key] = value

    async def aclose(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _taken(value: bytes) -> int:
    return len(value) + ENTRY_OVERHEAD
