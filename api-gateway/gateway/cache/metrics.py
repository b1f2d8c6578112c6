"""Metrics of the cache; in the registry only when the cache is on."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Seconds; from a look into memory to a Redis that is waited for.
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)


class CacheMetrics:
    """Counts how each picture was answered, what it took to look, and what went wrong with the store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        #: hit: stored; shared: another request for the same was under way; miss: asked, and offered to the store;
        #: bypass: asked at the wish of the request, or because it is unknown which version answers.
        self.outcomes = Counter("gateway_cache", "Pictures by how they were answered", ["outcome"], registry=registry)
        self.seconds = Histogram(
            "gateway_cache_seconds", "Time to look an answer up", buckets=BUCKETS, registry=registry
        )
        #: timeout, unreachable: a call failed; refused: it takes no new values; corrupt: a value that is
        #: not an answer.
        self.errors = Counter("gateway_cache_errors", "Calls to the store that failed", ["kind"], registry=registry)
        for outcome in ("hit", "shared", "miss", "bypass"):
            self.outcomes.labels(outcome)

    def watch_store(self, usable: Callable[[], bool]) -> None:
        """Report at each scrape whether the store is used, or left alone after failures."""
        gauge = Gauge("gateway_cache_store_up", "1 if the store is used, else 0", registry=self._registry)
        gauge.set_function(lambda: float(usable()))

    def watch_bytes(self, taken: Callable[[], float]) -> None:
        """Report at each scrape what the store in memory takes."""
        gauge = Gauge("gateway_cache_bytes", "Memory that remembered answers take", registry=self._registry)
        gauge.set_function(taken)
