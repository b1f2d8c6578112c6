"""A client that goes away takes its work with it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker, until
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, serving
from tests.gateway.support.pictures import picture
from tests.gateway.support.sockets import connect, head

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


async def test_the_call_to_the_model_server_is_given_up(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=8)
    caplog.set_level("INFO", "gateway.access")
    with serving(create_app(settings()), lifespan="on") as url:
        with connect(url) as client:
            client.sendall(head(len(JPEG)) + JPEG)
            await until(lambda: fake.predictions)
        await until(lambda: fake.abandoned == 1)
        await until(lambda: any(getattr(record, "error", None) == "client_closed" for record in caplog.records))


async def test_an_upload_that_is_broken_off_is_forgotten(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.access")
    with serving(create_app(settings()), lifespan="on") as url:
        with connect(url) as client:
            client.sendall(head(100_000) + JPEG[:100])
        await until(lambda: any(getattr(record, "error", None) == "client_closed" for record in caplog.records))
    assert fake.predictions == []


async def test_with_a_cache_another_who_waits_for_the_same_gets_the_answer(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=1.0)
    app = create_app(settings(cache="memory"))
    shared = app.state.services.metrics.registry
    with serving(app, lifespan="on") as url:
        with connect(url) as first:
            first.sendall(head(len(JPEG)) + JPEG)
            await until(lambda: fake.predictions)
            async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
                second = asyncio.create_task(client.post(f"{url}/predict", content=JPEG))
                await asyncio.sleep(0.2)
                first.close()
                response = await second
        assert response.status_code == 200
        assert response.headers["x-cache"] == "HIT"
        assert (len(fake.predictions), fake.abandoned) == (1, 0)
    assert shared.get_sample_value("gateway_cache_total", {"outcome": "shared"}) == 1


async def test_with_a_cache_the_call_is_given_up_when_the_last_has_gone(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=8)
    with serving(create_app(settings(cache="memory")), lifespan="on") as url:
        with connect(url) as first, connect(url) as second:
            for client in (first, second):
                client.sendall(head(len(JPEG)) + JPEG)
            await until(lambda: fake.predictions)
            await asyncio.sleep(0.2)
        await until(lambda: fake.abandoned == 1)
        assert len(fake.predictions) == 1
