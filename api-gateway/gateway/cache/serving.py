"""Which content of the model answers now: no stored answer outlives the version that gave it.

A look-up may use old knowledge, because before a stored answer is returned the knowledge is refreshed. It is then at
most ``FRESH_S`` old, less than any release takes from the moment that the new version answers to its end
(``ops.torchserve.drain.SETTLE_S``).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

from gateway.concurrency.single_flight import Flights, TooManyWaitError
from gateway.model_server.base import InferenceBackend, Served
from gateway.model_server.errors import BackendFault

#: Seconds for which knowledge is fresh, and which a question may take. Asking takes about 2 ms.
FRESH_S = 0.5
#: Seconds until a server without an answer is asked again: it must not delay every request.
RETRY_S = 1.0
#: Versions to remember; callers may name any.
KNOWN = 64


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The answer (None: the server could not tell), when it was asked for, and the value of the hint at that time."""

    served: Served | None
    asked: float
    hint: object


class Serving:
    """Knows what the backend serves, by the version asked for (None: the server's default).

    When the value of ``hint`` has changed (another routing, another server that answers), all knowledge is old.
    ``clock`` gives monotonic seconds; tests give their own.
    """

    def __init__(
        self,
        backend: InferenceBackend,
        hint: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._hint = hint
        self._clock = clock
        self._known: LRUCache[str | None, Knowledge] = LRUCache(KNOWN)
        self._asking: Flights[Knowledge] = Flights(most=100_000)

    async def last_known(self, version: str | None) -> Knowledge:
        """Return what is known, however old; ask only if nothing is known."""
        known = self._known.get(version)
        if known is None or (known.served is None and self._clock() - known.asked > RETRY_S):
            known = await self._ask(version)
        return known

    async def is_still_served(self, version: str | None, served: Served) -> bool:
        """Return whether ``served`` is served now, by knowledge no older than ``FRESH_S``."""
        known = self._known.get(version)
        if known is None or not self._fresh(known):
            known = await self._ask(version)
            if not self._fresh(known):  # another caller's question, begun too long ago
                known = await self._ask(version)
        return known.served == served and self._fresh(known)

    def has_same_hint(self, known: Knowledge) -> bool:
        """Return whether the hint has not changed since; otherwise another server may have answered in between."""
        return known.hint == self._hint()

    def invalidate(self, version: str | None) -> None:
        """Forget what is known about a version: an answer contradicts it."""
        self._known.pop(version, None)

    async def aclose(self) -> None:
        """Stop asking."""
        await self._asking.aclose()

    def _fresh(self, known: Knowledge) -> bool:
        return self._clock() - known.asked <= FRESH_S and self.has_same_hint(known)

    async def _ask(self, version: str | None) -> Knowledge:
        try:
            known, _ = await self._asking.join(version, lambda: self._ask_backend(version))
        except TooManyWaitError:
            return Knowledge(None, self._clock(), None)
        return known

    async def _ask_backend(self, version: str | None) -> Knowledge:
        asked, hint = self._clock(), self._hint()  # before the question: the answer may describe any moment after it
        try:
            async with asyncio.timeout(FRESH_S):
                served = await self._backend.served(version)
        except (BackendFault, TimeoutError):
            served = None
        known = self._known[version] = Knowledge(served, asked, hint)
        return known
