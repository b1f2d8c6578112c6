"""Metrics of the calls to the model server: what the gateway waits for, and how they fail."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendNoSuchVersion,
    BackendNotReady,
    BackendOverloaded,
    BackendRejected,
    BackendTimeout,
    BackendUnavailable,
)

#: Seconds, of one image in the model server, its queue included.
BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60)
#: The kind of each fault, most specific first; a test finds a fault that is in none.
KINDS: Mapping[type[BackendFault], str] = {
    BackendNotReady: "not_ready",
    BackendOverloaded: "overloaded",
    BackendUnavailable: "unavailable",
    BackendTimeout: "timeout",
    BackendNoSuchVersion: "no_such_version",
    BackendRejected: "rejected",
    BackendError: "error",
}


def kind_of(fault: BackendFault) -> str:
    """Return the label of a fault."""
    return next((kind for known, kind in KINDS.items() if isinstance(fault, known)), "error")


class UpstreamMetrics:
    """Times of the model server's answers, and its failures by kind, of each model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "gateway_upstream_seconds",
            "Time of the model server to answer an image",
            ["model"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "gateway_upstream_failures",
            "Images that the model server did not answer, by kind; rejected: the image's or a parameter's own fault",
            ["model", "kind"],
            registry=registry,
        )

    def of(self, model: str) -> "ModelUpstream":
        """Return the metrics of one model."""
        return ModelUpstream(self, model)


class ModelUpstream:
    """One model's. A model that is served has all its series from the start, so that a first failure is a rise."""

    def __init__(self, metrics: UpstreamMetrics, model: str) -> None:
        self._metrics, self._model = metrics, model
        metrics.seconds.labels(model)
        for kind in KINDS.values():
            metrics.failures.labels(model, kind)

    def answered(self, seconds: float) -> None:
        """Note an answer."""
        self._metrics.seconds.labels(self._model).observe(seconds)

    def failed(self, fault: BackendFault) -> None:
        """Note a failure."""
        self._metrics.failures.labels(self._model, kind_of(fault)).inc()

    async def aclose(self) -> None:
        """Say no more of a model that is no longer served."""
        self._metrics.seconds.remove(self._model)
        for kind in KINDS.values():
            self._metrics.failures.remove(self._model, kind)
