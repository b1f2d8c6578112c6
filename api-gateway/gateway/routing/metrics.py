"""Prometheus metrics of versioned traffic. Models and versions in labels are never a client's."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

#: Seconds, of the model server's answer: finer than the whole request's where models answer.
BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60)


class RoutingMetrics:
    """What each version did, and how a shadowed candidate differs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(f"gateway_{name}", help_, labels or ("model", "version"), registry=registry)

        self.requests = counter(
            "version_requests",
            "Requests that a version got: ok, rejected, error",
            *("model", "version", "role", "outcome"),
        )
        self.seconds = Histogram(
            "gateway_version_seconds",
            "Time of a version to answer",
            ["model", "version"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.detections = counter("version_detections", "Objects that a version found")
        self.fallbacks = counter(
            "routing_fallbacks", "Requests that the default version answered instead of the one chosen for them"
        )
        self.error_fallbacks = counter(
            "routing_error_fallbacks", "Of these, requests that the chosen version had got and failed"
        )
        self.server_fallbacks = counter(
            "server_fallbacks", "Pictures that the default server answered instead of the one in force", "server"
        )
        self.errors = Counter(
            "gateway_routing_errors", "Contents of the routing file that could not be used", registry=registry
        )
        self.shadow_compared = counter("shadow_compared", "Answers of a candidate compared with the stable version's")
        self.shadow_missing = counter("shadow_missing", "Boxes of the stable version that the candidate does not have")
        self.shadow_extra = counter("shadow_extra", "Boxes of the candidate that the stable version does not have")
        self.shadow_moved = counter("shadow_moved", "Boxes of both that overlap by less than 0.9")
        self.shadow_errors = counter("shadow_errors", "Pictures that the candidate did not answer")
        self.shadow_skipped = counter("shadow_skipped", "Pictures not shown to the candidate because of load")
        self._by_version: tuple[MetricWrapperBase, ...] = (
            self.seconds,
            self.detections,
            self.fallbacks,
            self.error_fallbacks,
            self.shadow_compared,
            self.shadow_missing,
            self.shadow_extra,
            self.shadow_moved,
            self.shadow_errors,
            self.shadow_skipped,
        )

    def forget_part(self, model: str, version: str, role: str, outcomes: Iterable[str]) -> None:
        """Say no more of a version in this part."""
        for outcome in outcomes:
            self.requests.remove(model, version, role, outcome)

    def forget_version(self, model: str, version: str) -> None:
        """Say no more of a version that has no part any more."""
        for metric in self._by_version:
            metric.remove(model, version)
