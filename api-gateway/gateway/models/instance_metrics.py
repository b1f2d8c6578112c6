"""Metrics of the model servers that share the images of a model; those that are gone are no longer told."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.model_server.base import TellsInstances
from gateway.models.line import Line

LABELS = ("model", "instance")


class InstanceMetrics(Collector):
    """What this process knows of each instance, at the moment of a scrape."""

    def __init__(self, lines: Callable[[], Sequence[Line]], registry: CollectorRegistry) -> None:
        self._lines = lines
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Tell the registry the names, at the registration."""
        return self._collect(())

    def collect(self) -> Iterator[Metric]:
        """Return the samples, at a scrape."""
        return self._collect(self._lines())

    def _collect(self, lines: Sequence[Line]) -> Iterator[Metric]:
        ready = GaugeMetricFamily("gateway_instance_ready", "1 if a model server gets images", labels=LABELS)
        outstanding = GaugeMetricFamily("gateway_instance_outstanding", "Images that it has now", labels=LABELS)
        requests = CounterMetricFamily("gateway_instance_requests", "Images that it got", labels=LABELS)
        failures = CounterMetricFamily("gateway_instance_failures", "Images that it did not answer", labels=LABELS)
        ejections = CounterMetricFamily("gateway_instance_ejections", "How often failures took it out", labels=LABELS)
        for line in lines:
            for one in line.backend.instances() if isinstance(line.backend, TellsInstances) else ():
                key = (line.name, one.name)
                ready.add_metric(key, one.ready)
                outstanding.add_metric(key, one.outstanding)
                requests.add_metric(key, one.requests)
                failures.add_metric(key, one.failures)
                ejections.add_metric(key, one.ejections)
        yield from (ready, outstanding, requests, failures, ejections)
