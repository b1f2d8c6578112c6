"""Which content of the model answers now: what keeps answers from outliving the version that gave them.

What is known about it may be old, and looking something up with old knowledge does no harm: before anything remembered
is given out, the knowledge is made sure of. It is then at most ``FRESH_S`` old, less than any release takes from the
moment the new version answers to its end (``ops.torchserve.drain.SETTLE_S``).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

from gateway.concurrency.single_flight import Flights, TooManyWaitError
from gateway.model_server.base import InferenceBackend, Served
from gateway.model_server.errors import BackendFault

#: Seconds that knowledge counts as sure, and that a question may take. Asking takes about 2 ms.
FRESH_S = 0.5
#: Seconds until a server that could not tell is asked again: what cannot be told must not hold requests up.
RETRY_S = 1.0
#: Versions that something is known about; callers may name any.
KNOWN = 64


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was told, when it was asked for, and what the hint said then; ``served`` None: it could not be told."""

    served: Served | None
    asked: float
    hint: object


class Serving:
    """Knows what the backend serves, by the version asked for (None: the server's default).

    ``hint`` is compared each time: when it has changed (another routing, another server that answers), all
    knowledge is old.
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

    async def believed(self, version: str | None) -> Knowledge:
        """Say what is served, by knowledge of any age."""
        known = self._known.get(version)
        if known is None or (known.served is None and self._clock() - known.asked > RETRY_S):
            known = await self._ask(version)
        return known

    async def still(self, version: str | None, served: Served) -> bool:
        """Say whether ``served`` is what is served now, by knowledge no older than ``FRESH_S``."""
        known = self._known.get(version)
        if known is None or not self._fresh(known):
            known = await self._ask(version)
            if not self._fresh(known):  # it was somebody else's question, begun too long ago
                known = await self._ask(version)
        return known.served == served and self._fresh(known)

    def steady(self, known: Knowledge) -> bool:
        """Say whether the hint is what it was: if not, others may have answered since, and those from before again."""
        return known.hint == self._hint()

    def doubt(self, version: str | None) -> None:
        """Forget what is known: an answer came that does not agree with it."""
        self._known.pop(version, None)

    async def aclose(self) -> None:
        """Stop asking."""
        await self._asking.aclose()

    def _fresh(self, known: Knowledge) -> bool:
        return self._clock() - known.asked <= FRESH_S and self.steady(known)

    async def _ask(self, version: str | None) -> Knowledge:
        try:
            known, _ = await self._asking.join(version, lambda: self._ask_backend(version))
        except TooManyWaitError:
            return Knowledge(None, self._clock(), None)
        return known

    async def _ask_backend(self, version: str | None) -> Knowledge:
        asked, hint = self._clock(), self._hint()  # as of before the question: the answer may be from then on
        try:
            async with asyncio.timeout(FRESH_S):
                served = await self._backend.served(version)
        except (BackendFault, TimeoutError):
            served = None
        known = self._known[version] = Knowledge(served, asked, hint)
        return known
