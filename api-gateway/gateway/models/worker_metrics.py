"""Metrics of the model server's workers, asked for when somebody scrapes: what nobody reads costs nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.concurrency.single_flight import Flights
from gateway.model_server.base import ModelVersion, TellsWorkers
from gateway.model_server.errors import BackendFault
from gateway.models.line import Line

#: Seconds for which an answer is reused, whoever scrapes.
REUSE_S = 2.0
#: Seconds that a scrape waits for the model server. Without an answer by then it has the last numbers.
PATIENCE_S = 0.5
#: Seconds after which numbers that could not be renewed are dropped.
STALE_S = 60.0


class WorkerMetrics(Collector):
    """Workers by state, their memory, and the requests that wait for one, of every loaded version."""

    def __init__(
        self,
        lines: Callable[[], Sequence[Line]],
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines, self._clock = lines, clock
        self._versions: Mapping[str, Sequence[ModelVersion]] = {}
        self._asked = self._answered = float("-inf")
        self._asking: Flights[None] = Flights(most=1_000)
        registry.register(self)

    async def refresh(self) -> None:
        """Ask the model server, once for all scrapes that come together. Never raises for a server that is gone."""
        if self._clock() - self._asked >= REUSE_S:
            await self._asking.join("workers", self._ask)

    async def aclose(self) -> None:
        """Stop asking."""
        await self._asking.aclose()

    async def _ask(self) -> None:
        found: dict[str, Sequence[ModelVersion]] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                for line in self._lines():
                    if isinstance(line.backend, TellsWorkers):
                        found[line.name] = await line.backend.workers()
        except (TimeoutError, BackendFault):
            if self._clock() - self._answered > STALE_S:
                self._versions = {}
        else:
            self._versions, self._answered = found, self._clock()
        self._asked = self._clock()

    def describe(self) -> Iterator[Metric]:
        """Tell the registry the names, at the registration."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Return the samples, at a scrape."""
        labels = ("model", "version")
        workers = GaugeMetricFamily("gateway_model_workers", "Workers of a version", labels=(*labels, "state"))
        memory = GaugeMetricFamily("gateway_model_worker_memory_bytes", "Memory of its workers", labels=labels)
        waiting = GaugeMetricFamily("gateway_model_queue", "Requests that wait there for a worker", labels=labels)
        for model, versions in self._versions.items():
            for one in versions:
                key = (model, one.version)
                for state, number in {"READY": 0, **Counter(worker.state for worker in one.workers)}.items():
                    workers.add_metric((*key, state), number)
                # TorchServe tells 0 where its system metrics are off.
                if total := sum(worker.memory_bytes or 0 for worker in one.workers):
                    memory.add_metric(key, total)
                if one.queue_waiting is not None:
                    waiting.add_metric(key, one.queue_waiting)
        yield from (workers, memory, waiting)
