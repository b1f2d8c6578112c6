"""Everything that one model has of its own, from the choice of a version to its connections."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway.detection.request import Answer, Ask, Claim, Detector
from gateway.limits.admission import AdmittingDetector
from gateway.model_server.base import InferenceBackend
from gateway.model_server.readiness import ReadinessWatch
from gateway.routing.versions import Versions


class Part(Protocol):
    """What is closed with its model."""

    async def aclose(self) -> None:
        """Stop what it does for the model."""
        ...


class Line:
    """One model's backend, readiness, routing and cache, and the detector that they make.

    ``admission`` is the queue in front of the model server, ``parts`` are what is closed with it before the backend,
    the outermost first.
    ``always_watched``: readiness is asked every second. Otherwise it is asked when the model is used, so that a model
    that nobody asks for costs nothing.
    """

    def __init__(
        self,
        name: str,
        backend: InferenceBackend,
        readiness: ReadinessWatch,
        versions: Versions,
        detector: Detector,
        admission: AdmittingDetector,
        has_cache: bool,
        parts: Sequence[Part],
        always_watched: bool = False,
    ) -> None:
        self.name = name
        self.backend = backend
        self.readiness = readiness
        self.versions = versions
        self._detector = detector
        self._admission = admission
        self._has_cache = has_cache
        self._parts = parts
        self._always_watched = always_watched
        self._watching: list[asyncio.Task[None]] = []
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin to watch the model server."""
        watches = (self.readiness, self.versions) if self._always_watched else (self.versions,)
        self._watching = [asyncio.create_task(watch.run()) for watch in watches]

    async def require(self) -> None:
        """Raise ``BackendNotReady`` if the model has been unusable for longer than the grace period."""
        if self._always_watched:
            self.readiness.require()
        else:
            await self.readiness.require_lately()

    async def require_chance(self, claim: Claim, may_be_stored: bool) -> None:
        """Raise :class:`~gateway.errors.Overloaded` if such a request would be refused now.

        ``may_be_stored``: the cache may have its answer, which only its image tells.
        """
        if not (self._has_cache and may_be_stored):
            await self._admission.require_chance(claim)

    async def detect(self, ask: Ask) -> Answer:
        """Detect with this model."""
        if not self._always_watched:
            await self.require()
        self._in_flight += 1
        self._idle.clear()
        try:
            return await self._detector.detect(ask)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def drained(self) -> None:
        """Wait until no request is in flight."""
        await self._idle.wait()

    async def aclose(self) -> None:
        """Stop watching, cancel the work under way and close the connections."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self.versions.aclose()
        for part in self._parts:
            await part.aclose()
        await self.backend.aclose()
