"""The gateway's metrics: read from its text, and what two readings say about the time between them."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from ops.gateways import metrics
from ops.gateways.metrics import NoMetricsError, Scrape, Span


class Gateway:
    """A registry with two of the gateway's metrics, and one that nobody reads here."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("gateway_version_requests", "r", ["version", "outcome"], registry=self.registry)
        self.seconds = Histogram(
            "gateway_version_seconds", "s", ["version"], buckets=(0.1, 0.2, 1), registry=self.registry
        )
        Counter("gateway_something_else", "x", registry=self.registry)

    def scrape(self, at: float) -> Scrape:
        return metrics.parse(generate_latest(self.registry).decode(), at)


def test_rates_are_of_the_labels_that_are_named_and_summed_over_the_others():
    gateway = Gateway()
    gateway.requests.labels("1.0", "ok").inc(100)
    before = gateway.scrape(10)
    gateway.requests.labels("1.0", "ok").inc(30)
    gateway.requests.labels("1.0", "error").inc(10)  # a series that was not there before
    gateway.requests.labels("1.1", "ok").inc(5)
    span = Span(before, gateway.scrape(20))
    assert span.rate("gateway_version_requests_total", version="1.0") == 4.0
    assert span.rate("gateway_version_requests_total", version="1.0", outcome="error") == 1.0
    assert span.rate("gateway_version_requests_total") == 4.5
    assert span.rate("gateway_version_requests_total", version="2.0") == 0
    assert span.after.total("gateway_version_requests_total") == 145
    assert all("something" not in name for name, _ in span.after.values)


def test_a_gateway_that_was_restarted_counts_from_its_start():
    before, after = Gateway(), Gateway()
    before.requests.labels("1.0", "ok").inc(100)
    after.requests.labels("1.0", "ok").inc(20)
    assert Span(before.scrape(0), after.scrape(10)).rate("gateway_version_requests_total") == 2.0


def test_a_percentile_is_of_the_time_between_and_interpolated_within_its_bucket():
    gateway = Gateway()
    for _ in range(1000):
        gateway.seconds.labels("1.0").observe(0.9)
    before = gateway.scrape(0)
    for number in range(100):
        gateway.seconds.labels("1.0").observe(0.05 if number < 50 else 0.15)
    span = Span(before, gateway.scrape(10))
    assert span.quantile(0.5, "gateway_version_seconds", version="1.0") == pytest.approx(0.1)
    assert span.quantile(0.95, "gateway_version_seconds", version="1.0") == pytest.approx(0.19)
    assert span.quantile(0.95, "gateway_version_seconds", version="1.1") is None
    gateway.seconds.labels("1.1").observe(5)
    # Beyond the last bucket nothing is known but its bound, as in Prometheus.
    assert Span(before, gateway.scrape(20)).quantile(0.5, "gateway_version_seconds", version="1.1") == 1.0


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(401), "scope admin"),
        (httpx.Response(403), "scope admin"),
        (httpx.Response(500), "answers 500"),
        (httpx.Response(200, text='gateway_requests_total{a="b" 1\n'), "Is another program on that port"),
    ],
)
def test_a_gateway_without_metrics_says_why(answer, told):
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    with client, pytest.raises(NoMetricsError, match=told):
        metrics.read(client, "http://gateway", 0)


def test_a_gateway_that_is_away_is_one_that_does_not_answer():
    with httpx.Client() as client, pytest.raises(NoMetricsError, match="does not answer"):
        metrics.read(client, "http://127.0.0.1:9", 0)
