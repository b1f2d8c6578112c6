"""Models without workers, as they are while nobody uses them: a request gets them a worker, and its answer."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, runtime_checkable

from gateway.detection.request import Answer, Ask, Detector
from gateway.model_server.base import InferenceBackend
from gateway.model_server.errors import BackendFault, BackendUnloaded

#: Seconds after which a request that is not answered may have been hit by an unload, and between two looks at that.
LATE_S = 1.0


@runtime_checkable
class WakesModels(Protocol):
    """A backend whose server can be told to load a model that has no workers. All methods raise ``BackendFault``."""

    async def wake(self, version: str | None) -> None:
        """Have a version loaded, None for the default one, and wait until a worker can run it.

        All callers that wait for the same version share one request to the server. Raises also if the version is not
        ready within the time limit of a request.
        """
        ...

    async def wake_if_unloaded(self, version: str | None) -> None:
        """Do the same, but return at once if the version has workers, whatever they do."""
        ...


class WakingDetector:
    """A :class:`~gateway.detection.request.Detector` that wakes the model of a request which finds it unloaded.

    It stands in front of admission: requests that wait for a model to be loaded take no place from other models.

    A request may also be in the model server when its model is unloaded. TorchServe then keeps it until there is a
    worker again, so while a request is late, the model is looked at and woken. ``clock`` gives monotonic seconds.
    """

    def __init__(self, inner: Detector, backend: InferenceBackend, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._backend = backend if isinstance(backend, WakesModels) else None
        self._clock = clock
        #: Each request in flight: its version, and when it began. In this order.
        self._in_flight: dict[object, tuple[str | None, float]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def detect(self, ask: Ask) -> Answer:
        """Ask; if the model has no workers, wake it and ask once more."""
        if self._backend is None:
            return await self._inner.detect(ask)
        try:
            return await self._watched(ask, self._backend)
        except BackendUnloaded:
            pass
        await self._backend.wake(ask.version)
        return await self._watched(ask, self._backend)

    async def aclose(self) -> None:
        """Stop looking."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watched(self, ask: Ask, backend: WakesModels) -> Answer:
        key = object()
        self._in_flight[key] = ask.version, self._clock()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(backend))
        try:
            return await self._inner.detect(ask)
        finally:
            del self._in_flight[key]

    async def _watch(self, backend: WakesModels) -> None:
        """Look at the versions of late requests as long as there are requests."""
        while self._in_flight:
            await asyncio.sleep(LATE_S)
            now = self._clock()
            late = {version for version, began in self._in_flight.values() if now - began >= LATE_S}
            await asyncio.gather(*(_wake(backend, version) for version in late))
        self._watching = None


async def _wake(backend: WakesModels, version: str | None) -> None:
    with suppress(BackendFault):  # the request gets an answer of its own
        await backend.wake_if_unloaded(version)
