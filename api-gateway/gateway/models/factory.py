"""Make the lines of models, with what they share: places in the model server, the cache's store, metrics."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.cache.creation import Cache
from gateway.detection.request import Detector
from gateway.drift.detector import DriftDetector
from gateway.drift.watch import DriftWatch
from gateway.limits.admission import AdmittingDetector
from gateway.limits.room import Room
from gateway.model_server.base import InferenceBackend
from gateway.model_server.detector import BackendDetector
from gateway.model_server.metrics import UpstreamMetrics
from gateway.model_server.readiness import ReadinessWatch
from gateway.model_server.registry import create_backend
from gateway.model_server.waking import WakingDetector
from gateway.models.detection_metrics import DetectionMetrics
from gateway.models.line import Line, Part
from gateway.models.measuring import MeasuringDetector
from gateway.routing.document import InvalidRoutingError, parse
from gateway.routing.file import RoutingFile
from gateway.routing.metrics import RoutingMetrics
from gateway.routing.servers import add_servers, answering_server
from gateway.routing.versions import Versions
from gateway.settings import Settings
from gateway.settings.server_list import parse_servers


class LineFactory:
    """Makes the default model's line first, and then those of other models on the same model server.

    ``backend`` replaces the one that the settings name, for the default model.
    """

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        cache: Cache | None,
        backend: InferenceBackend | None = None,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._metrics = RoutingMetrics(registry)
        self._upstream = UpstreamMetrics(registry)
        self._found = DetectionMetrics(registry)
        #: How far each version is from what it found at first.
        self.drift = DriftWatch(Path(settings.routing_file).parent if settings.routing_file else None, registry)
        #: Its ``server``, for blue/green, is about all models.
        self._routing = RoutingFile(
            settings.routing_file, parse_servers(settings.torchserve_servers), on_error=self._metrics.errors.inc
        )
        backend = self._with_servers(settings, backend)
        readiness = ReadinessWatch(backend, settings.ready_grace_s)
        self._room = Room(
            in_flight=settings.max_in_flight or settings.max_connections,
            waiting=settings.max_waiting,
            wait_s=settings.max_wait_s,
            long_wait_s=settings.read_timeout_s,
            registry=registry,
        )
        self.default = self._assemble(settings, backend, readiness, self._routing, True)

    def make(self, name: str) -> Line:
        """Make the line of another model; nothing is connected yet."""
        settings = self._settings.model_copy(update={"model_name": name})
        backend = self._with_servers(settings)
        readiness = ReadinessWatch(backend, settings.ready_grace_s)
        routing = RoutingFile(self._routing_path(name), on_error=self._metrics.errors.inc)
        return self._assemble(settings, backend, readiness, routing, False)

    def is_removed(self, name: str) -> bool:
        """Tell whether another model's routing says that it is about to be unloaded."""
        try:
            return parse(Path(self._routing_path(name)).read_bytes()).removed
        except (OSError, InvalidRoutingError):
            return False

    def _routing_path(self, name: str) -> str:
        path = self._settings.routing_file
        return path and str(Path(path).with_name(f"{name}.json"))

    def _assemble(
        self,
        settings: Settings,
        backend: InferenceBackend,
        readiness: ReadinessWatch,
        routing: RoutingFile,
        always_watched: bool,
    ) -> Line:
        name, server = settings.model_name, answering_server(backend, self._routing)
        upstream = self._upstream.of(name)
        asking = BackendDetector(backend, readiness, upstream)
        admission = AdmittingDetector(asking, self._room, lambda: readiness.state, name)
        waking = WakingDetector(admission, backend)
        inner: Detector = waking
        parts: list[Part] = [waking, admission, upstream]
        if self._cache is not None:
            inner = cache = self._cache.around(waking, backend, name, lambda: (routing.current().revision, server()))
            parts.insert(0, cache)
        versions = Versions(routing, backend, self._metrics, settings.shadow_in_flight, name)
        routed = versions.around(inner, default_version=lambda: readiness.state.version)
        measuring = MeasuringDetector(routed, name, self._found)
        drift = DriftDetector(measuring, name, self.drift)
        parts += [measuring, drift]
        has_cache = self._cache is not None
        return Line(name, backend, readiness, versions, drift, admission, has_cache, parts, always_watched)

    def _with_servers(self, settings: Settings, backend: InferenceBackend | None = None) -> InferenceBackend:
        return add_servers(
            backend or create_backend(settings),
            settings,
            self._routing,
            on_fallback=lambda server: self._metrics.server_fallbacks.labels(server).inc(),
        )
