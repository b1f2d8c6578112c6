"""Versioned traffic assembled: what the application starts, stops, wraps and shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.detection.request import Detector
from gateway.model_server.base import InferenceBackend
from gateway.routing.availability import Availability
from gateway.routing.choice import NO_ROUTING, Routing
from gateway.routing.detector import RoutedDetector
from gateway.routing.file import RoutingFile
from gateway.routing.metrics import RoutingMetrics
from gateway.routing.shadow import Shadow
from gateway.routing.traffic import Traffic, TrafficRow
from model_names import DEFAULT


@dataclass(frozen=True, slots=True)
class Shown:
    """The routing in force; ``problem`` says why the file is not it."""

    routing: Routing
    problem: str | None


class Versions:
    """The parts of versioned traffic that live as long as their model."""

    def __init__(
        self,
        file: RoutingFile,
        backend: InferenceBackend,
        metrics: RoutingMetrics,
        shadow_in_flight: int,
        model: str = DEFAULT,
    ) -> None:
        self._file = file
        self._traffic = Traffic(metrics, model)
        self._availability = Availability(backend, file)
        self._shadow = Shadow(backend, self._traffic, self._availability, shadow_in_flight)
        file.subscribe(self._changed)

    def around(self, inner: Detector, default_version: Callable[[], str | None]) -> RoutedDetector:
        """Return the detector that chooses versions, around the one that answers."""
        return RoutedDetector(
            inner, self._file, self._traffic, self._availability, self._shadow, default_version=default_version
        )

    def in_force(self) -> Shown | None:
        """Return the routing in force; None if there is neither a routing nor an invalid file."""
        routing = self._file.current()
        return None if routing is NO_ROUTING and self._file.problem is None else Shown(routing, self._file.problem)

    def traffic(self) -> Sequence[TrafficRow]:
        """Return what each version did in this process."""
        return self._traffic.rows()

    async def run(self) -> None:
        """Watch which versions can answer, until cancelled."""
        await self._availability.run()

    async def aclose(self) -> None:
        """Cancel the shadows under way, and say no more of the versions in Prometheus."""
        await self._shadow.aclose()
        self._traffic.forget_all()

    def _changed(self, routing: Routing) -> None:
        self._traffic.begin(routing)
        self._availability.forget()
