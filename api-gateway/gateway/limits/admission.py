"""A bounded number of predictions in the model server and a bounded number in front of it; never a growing queue."""

import asyncio
from copy import copy
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.detection.request import Answer, Ask, Detector
from gateway.errors import Overloaded


class AdmittingDetector:
    """Lets ``in_flight`` pictures through at once and ``waiting`` others wait up to ``wait_s`` seconds, in order.

    Raises :class:`~gateway.errors.Overloaded`, at once when all places are taken. A request whose client leaves is
    cancelled and frees its place.
    """

    def __init__(
        self, inner: Detector, *, in_flight: int, waiting: int, wait_s: float, registry: CollectorRegistry
    ) -> None:
        self._inner = inner
        self._places = _Places(in_flight, waiting, wait_s, registry)

    def sharing(self, inner: Detector) -> Self:
        """Return a detector in front of ``inner`` that takes its places from the same ones."""
        other = copy(self)
        other._inner = inner
        return other

    async def detect(self, ask: Ask) -> Answer:
        """Wait for a turn, then ask."""
        await self._places.take()
        try:
            return await self._inner.detect(ask)
        finally:
            self._places.release()


class _Places:
    """The places in the model server and in front of it."""

    def __init__(self, in_flight: int, waiting: int, wait_s: float, registry: CollectorRegistry) -> None:
        self._turns = asyncio.Semaphore(in_flight)
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._waiting = 0
        self._now_waiting = Gauge(
            "gateway_admission_waiting", "Predictions that wait for their turn", registry=registry
        )
        self._refused = Counter("gateway_admission_refused", "Predictions refused", ["reason"], registry=registry)
        for reason in ("full", "waited"):
            self._refused.labels(reason)

    async def take(self) -> None:
        if self._turns.locked():
            await self._wait()
        else:
            await self._turns.acquire()  # goes through without a pause

    def release(self) -> None:
        self._turns.release()

    async def _wait(self) -> None:
        if self._waiting >= self._most_waiting:
            self._refused.labels("full").inc()
            raise Overloaded
        self._waiting += 1
        self._now_waiting.set(self._waiting)
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turns.acquire()
        except TimeoutError as error:
            self._refused.labels("waited").inc()
            raise Overloaded from error
        finally:
            self._waiting -= 1
            self._now_waiting.set(self._waiting)
