"""The outermost detector: gives each request its version, counts the outcomes, and loses no request."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer, Ask, Detector
from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendNoSuchVersion,
    BackendOverloaded,
    BackendRejected,
)
from gateway.routing.availability import Availability
from gateway.routing.choice import Choice, Role, Routing, choose
from gateway.routing.file import RoutingSource
from gateway.routing.shadow import Shadow
from gateway.routing.traffic import Traffic

#: An answer that took this much longer than the model's own work waited in a queue: no moment for a shadow.
LEAST_WAIT_MS, WAIT_OF_OWN = 25.0, 0.5
#: Where the model server does not tell its own time: so many predictions at once are busy.
BUSY_IN_FLIGHT = 8


class RoutedDetector:
    """A :class:`~gateway.detection.request.Detector` that chooses the version where the caller has named none.

    ``default_version`` tells which version the server's default is, as far as is known: failures are counted for it.
    """

    def __init__(
        self,
        inner: Detector,
        source: RoutingSource,
        traffic: Traffic,
        availability: Availability,
        shadow: Shadow,
        default_version: Callable[[], str | None],
    ) -> None:
        self._inner = inner
        self._source = source
        self._traffic = traffic
        self._availability = availability
        self._shadow = shadow
        self._default_version = default_version
        self._in_flight = 0

    async def detect(self, ask: Ask) -> Answer:
        """Ask for the version that the caller named, or for the one that is chosen for this caller.

        Raises :class:`BackendNoSuchVersion` only for a version that the caller named.
        """
        routing = self._source.current()
        if ask.version is not None:
            return await self._ask(ask, "named", routing)
        # Without a client's key chance decides, once for all images of the request.
        choice = choose(routing, ask.client_key or ask.request_id)
        if choice.version is None:
            return await self._ask(ask, choice.role, routing)
        return await self._ask_chosen(ask, choice, choice.version, routing)

    async def _ask_chosen(self, ask: Ask, choice: Choice, version: str, routing: Routing) -> Answer:
        failed = False
        if self._availability.usable(version):
            try:
                return await self._ask(replace(ask, version=version), choice.role, routing)
            except BackendNoSuchVersion:
                self._availability.missed(version)
            except (BackendError, BackendOverloaded):
                # The candidate's fault, counted as such; the choice should cost the caller nothing. After a timeout
                # or a lost connection no other version is asked: the one took long, the other is the whole server's.
                if choice.role == "stable":
                    raise
                failed = True
        self._traffic.of(version, choice.role).fell_back(after_error=failed)
        return await self._ask(ask, "stable", routing)

    async def _ask(self, ask: Ask, role: Role, routing: Routing) -> Answer:
        started = time.perf_counter()
        self._in_flight += 1
        try:
            answer = await self._inner.detect(ask)
        except BackendNoSuchVersion:
            raise
        except BackendFault as fault:
            self._failed(ask.version, role, "rejected" if isinstance(fault, BackendRejected) else "error")
            raise
        finally:
            self._in_flight -= 1
        seconds = time.perf_counter() - started
        prediction = answer.prediction
        if prediction.model_version is None and ask.version is not None:
            prediction = replace(prediction, model_version=ask.version)
            answer = replace(answer, prediction=prediction)
        version, remembered = prediction.model_version, answer.cache == "hit"
        if version is not None:
            self._traffic.of(version, role).answered(prediction, None if remembered else seconds)
        share = routing.shadow
        if share is not None and role == "stable" and version != share.version and not remembered:
            self._shadow.offer(share, ask, prediction, self._busy(prediction, seconds * 1000))
        return answer

    def _failed(self, version: str | None, role: Role, outcome: Literal["rejected", "error"]) -> None:
        if role == "named":
            # Whether a version that only a client has spoken of exists is not known: it becomes no row and no label.
            traffic = self._traffic.known(version or "", role)
        else:
            version = version or self._default_version()
            traffic = self._traffic.of(version, role) if version is not None else None
        if traffic is not None:
            traffic.failed(outcome)

    def _busy(self, prediction: Prediction, took_ms: float) -> bool:
        own_ms = prediction.timings_ms.get("total")
        if own_ms is None:
            return self._in_flight >= BUSY_IN_FLIGHT
        return took_ms - own_ms > max(LEAST_WAIT_MS, WAIT_OF_OWN * own_ms)
