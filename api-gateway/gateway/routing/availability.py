"""Which of the versions that routing chooses can answer now; a request to another one would be lost."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gateway.concurrency.time_limit import within
from gateway.model_server.base import InferenceBackend
from gateway.model_server.errors import BackendFault
from gateway.routing.choice import Routing
from gateway.routing.file import RoutingSource

logger = logging.getLogger("gateway.routing")

INTERVAL_S = 1.0
#: A version that was not loaded is not asked again for so long: each try would send the whole picture for nothing.
MISSED_S = 1.0


@runtime_checkable
class TellsReadyVersions(Protocol):
    """A backend that knows which versions have a worker."""

    async def ready_versions(self) -> frozenset[str] | None:
        """Return the versions that a worker can run now, None if the server does not tell."""
        ...


class Availability:
    """Asks the backend every second while versions are split or shadowed, and remembers the versions that cannot.

    A version whose worker keeps dying is loaded all the same, and requests to it hang until they time out.
    """

    def __init__(
        self, backend: InferenceBackend, source: RoutingSource, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        self._source = source
        self._clock = clock
        self._missed: dict[str, float] = {}
        self._unready: frozenset[str] = frozenset()

    def usable(self, version: str) -> bool:
        """Return whether nothing speaks against this version answering."""
        return version not in self._unready and self._clock() >= self._missed.get(version, float("-inf"))

    def missed(self, version: str) -> None:
        """Note that the version was asked for and is not loaded. ``version`` comes from the routing, never a client."""
        self._missed[version] = self._clock() + MISSED_S

    def forget(self) -> None:
        """Trust every version again: another routing is in force."""
        self._missed, self._unready = {}, frozenset()

    async def look(self) -> None:
        """Ask the backend now if the routing in force chooses versions. Never raises but for cancellation."""
        routing = self._source.current()
        chosen = _chosen_by(routing)
        if not chosen or not isinstance(self._backend, TellsReadyVersions):
            return
        try:
            ready = await within(INTERVAL_S, self._backend.ready_versions())
        except (TimeoutError, BackendFault):
            return  # the last answer is still the best that is known
        if self._source.current() is not routing:
            return
        unready = chosen - ready if ready is not None else frozenset()
        if gone := unready - self._unready:
            logger.warning("versions that routing chooses are not ready", extra={"versions": sorted(gone)})
        if back := self._unready - unready:
            logger.info("versions that routing chooses are ready again", extra={"versions": sorted(back)})
        self._unready = unready

    async def run(self) -> None:
        """Ask again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_S)


def _chosen_by(routing: Routing) -> frozenset[str]:
    versions = {arm.version for arm in routing.arms}
    if routing.arms and routing.stable is not None:
        versions.add(routing.stable)
    if routing.shadow is not None:
        versions.add(routing.shadow.version)
    return frozenset(versions)
