"""GET /metrics: Prometheus' text, with routes and never raw paths as labels."""

from __future__ import annotations

import httpx
import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker, ready_now
from tests.gateway.support import scraping
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


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


def test_two_applications_in_one_process_do_not_mix(settings: SettingsMaker) -> None:
    first, second = create_app(settings()), create_app(settings())
    assert first.state.services.metrics.registry is not second.state.services.metrics.registry
