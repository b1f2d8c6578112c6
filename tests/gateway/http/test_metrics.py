"""GET /metrics: Prometheus' text, with routes and never raw paths as labels."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker, ready_now
from tests.gateway.support import scraping
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
#: What Prometheus 2.42 sends.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


async def samples(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    response = await client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {(sample.name, *sample.labels.values()): sample.value for sample in scraping.samples(response.text)}


async def test_requests_are_counted_by_method_route_and_status(client: httpx.AsyncClient) -> None:
    await client.post("/predict", content=JPEG)
    await client.post("/predict", content=JPEG)
    await client.post("/predict", content=b"text")
    await client.get("/predict")
    found = await samples(client)
    assert found["gateway_requests_total", "POST", "/predict", "200"] == 2
    assert found["gateway_requests_total", "POST", "/predict", "415"] == 1
    assert found["gateway_requests_total", "other", "/predict", "405"] == 1
    assert found["gateway_request_seconds_count", "/predict"] == 4
    assert found["gateway_request_seconds_sum", "/predict"] > 0


async def test_addresses_and_methods_that_clients_invent_do_not_become_labels(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await client.request(f"BREW{number}", f"/nothing/{number}")
    found = await samples(client)
    assert found["gateway_requests_total", "other", "unmatched", "404"] == 5
    assert not any("nothing" in label or "BREW" in label for labels in found for label in labels)


async def test_what_is_in_flight_and_whether_the_model_is_ready_is_told(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    await client.get("/health/ready")
    found = await samples(client)
    assert found["gateway_requests_in_flight",] == 1  # this very scrape
    assert found["gateway_model_ready",] == 1
    fake.workers = {"1.0": []}
    await ready_now(client)
    assert (await samples(client))["gateway_model_ready",] == 0


async def test_bodies_and_errors_are_counted_by_route(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict", content=JPEG)
    refused = await client.post("/predict", content=b"text")
    await client.get("/nothing")
    found = await samples(client)
    assert found["gateway_received_bytes_total", "/predict"] == len(JPEG) + len(b"text")
    assert found["gateway_sent_bytes_total", "/predict"] == len(answer.content) + len(refused.content)
    assert found["gateway_errors_total", "unsupported_image", "/predict"] == 1
    assert found["gateway_errors_total", "not_found", "unmatched"] == 1


async def test_the_process_tells_its_memory(client: httpx.AsyncClient) -> None:
    assert (await samples(client))["process_resident_memory_bytes",] > 1e6


async def test_openmetrics_is_spoken_with_who_asks_for_it_and_names_the_trace(settings: SettingsMaker) -> None:
    app = create_app(settings())

    async def traced(scope: Any, receive: Any, send: Any) -> None:
        scope["gateway.trace_id"] = "4bf92f3577b34da6a3ce929d0e0e4736"
        await app(scope, receive, send)

    transport = httpx.ASGITransport(app=traced)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        await client.post("/predict", content=JPEG)
        answer = await client.get("/metrics", headers={"Accept": PROMETHEUS})
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        exemplars = {
            sample.name: sample.exemplar.labels
            for family in openmetrics.text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.exemplar
        }
        trace = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
        assert exemplars == {"gateway_request_seconds_bucket": trace, "gateway_model_request_seconds_bucket": trace}
        assert "trace_id" not in (await client.get("/metrics")).text


def test_two_applications_in_one_process_do_not_mix(settings: SettingsMaker) -> None:
    first, second = create_app(settings()), create_app(settings())
    assert first.state.services.metrics.registry is not second.state.services.metrics.registry
