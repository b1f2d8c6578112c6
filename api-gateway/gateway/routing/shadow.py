"""Shadow traffic: a candidate receives images after their answers were sent; only the differences are kept."""

import asyncio
import logging
import random

from gateway.concurrency.after_answer import after_answer
from gateway.detection.prediction import Prediction
from gateway.detection.request import Ask
from gateway.model_server.base import InferenceBackend
from gateway.model_server.errors import BackendFault
from gateway.routing.availability import Availability
from gateway.routing.choice import ShadowShare
from gateway.routing.differences import compare
from gateway.routing.traffic import Traffic, VersionTraffic

logger = logging.getLogger("gateway.routing")

_ID_SUFFIX, _LONGEST_ID = "-shadow", 64


class Shadow:
    """Asks the candidate, bypassing cache and admission, which are for clients; at most ``in_flight`` images at once.

    An image that finds no free place is skipped, because a waiting one would keep its memory.
    """

    def __init__(self, backend: InferenceBackend, traffic: Traffic, availability: Availability, in_flight: int) -> None:
        self._backend = backend
        self._traffic = traffic
        self._availability = availability
        self._places = in_flight
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    def offer(self, share: ShadowShare, ask: Ask, stable: Prediction, busy: bool) -> None:
        """Send this image to the candidate later, if it is in the share and there is room. Never raises."""
        if random.random() >= share.share:  # noqa: S311 - shares traffic, guards nothing
            return
        traffic = self._traffic.of(share.version, "shadow")
        if busy or self._places <= 0 or not self._availability.usable(share.version):
            traffic.skipped()
            return
        self._places -= 1
        after_answer(lambda: self._start(ask, share.version, stable, traffic))

    async def aclose(self) -> None:
        """Cancel what is running and start nothing more."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self, ask: Ask, version: str, stable: Prediction, traffic: VersionTraffic) -> None:
        if self._closed:
            return
        task = asyncio.get_running_loop().create_task(self._show(ask, version, stable, traffic))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._places += 1

    async def _show(self, ask: Ask, version: str, stable: Prediction, traffic: VersionTraffic) -> None:
        # The same id, marked: the model server's log shows to which request this shadow belongs.
        request_id = ask.request_id[: _LONGEST_ID - len(_ID_SUFFIX)] + _ID_SUFFIX
        started = asyncio.get_running_loop().time()
        try:
            candidate = await self._backend.predict(ask.image, ask.parameters, request_id, version)
            traffic.answered(candidate, asyncio.get_running_loop().time() - started)
            # In a thread: hundreds of boxes take milliseconds, and clients wait for this loop.
            traffic.compared(await asyncio.to_thread(compare, stable, candidate))
        except BackendFault as fault:
            traffic.failed("error")
            facts = {"model_version": version, "fault": type(fault).__name__, "detail": str(fault)}
            logger.info("the shadowed version did not answer", extra=facts)
        except Exception:
            traffic.failed("error")
            logger.exception("comparing with the shadowed version failed")
