"""A model that was unloaded while nobody used it is loaded for the request that asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.model_server.torchserve.backend import TorchServeBackend
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import (
    Answer,
    Asked,
    FakeTorchServe,
    asked_model,
    street,
    torchserve_error,
)
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import RoutingJson

pytestmark = pytest.mark.anyio

JPEG = picture()
# Against the 60 s of a request that nobody answers.
WELL_IN_TIME_S = 30


@pytest.fixture
def fake(fake: FakeTorchServe) -> FakeTorchServe:
    fake.others = {"helmets": {"1.0": ["READY"]}}
    fake.unloaded = {("helmets", "1.0")}
    return fake


@pytest.fixture
async def client(settings: SettingsMaker, fake: FakeTorchServe) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(ready_grace_s=0)) as (_, client):
        yield client


async def helmets(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/predict?model=helmets", content=JPEG)


async def test_all_that_ask_while_a_model_is_loaded_are_answered_after_one_load(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.load_s = 1.5
    started = time.monotonic()
    asking = [asyncio.create_task(helmets(client)) for _ in range(8)]
    await until(lambda: fake.scaled)
    await asyncio.sleep(1.2)  # longer than a check of readiness holds, with no time of grace
    asking.append(asyncio.create_task(helmets(client)))
    answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [200] * 9, [answer.text for answer in answers]
    assert {answer.json()["model"]["name"] for answer in answers} == {"helmets"}
    assert 1.5 <= time.monotonic() - started < WELL_IN_TIME_S
    assert [(asked.method, asked.path, asked.query) for asked in fake.scaled] == [
        ("PUT", "/models/helmets/1.0", {"min_worker": "1", "max_worker": "1"})
    ]
    assert (await helmets(client)).status_code == 200
    assert len(fake.scaled) == 1


async def test_a_model_that_another_gateway_wakes_at_this_moment_is_waited_for(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.unloaded.clear()

    def predict(asked: Asked) -> Answer:
        if len(fake.predictions) > 1:
            return street(asked)
        fake.loaded_at["helmets"] = time.monotonic() + 0.5  # so it has a worker by the time that one looks
        return torchserve_error(503, "ServiceUnavailableException", "has no worker to serve inference request")

    fake.predict = predict
    assert (await helmets(client)).status_code == 200
    assert not fake.scaled


async def test_a_model_that_is_loaded_takes_no_place_from_the_others(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.load_s = 60
    async with running_app(settings(max_in_flight=1, max_waiting=0)) as (_, client):
        asking = asyncio.create_task(helmets(client))
        await until(lambda: fake.scaled)
        others = [(await client.post("/predict", content=JPEG)).status_code for _ in range(3)]
        assert others == [200] * 3
        assert not asking.done()
        fake.loaded_at["helmets"] = time.monotonic()
        assert (await asking).status_code == 200


async def test_requests_that_torchserve_keeps_for_the_next_worker_get_one(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.unloaded.clear()
    fake.keeps_requests = True
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=0.2)
    started = time.monotonic()
    first = asyncio.create_task(helmets(client))
    await until(lambda: fake.predictions)
    fake.unloaded.add(("helmets", "1.0"))
    second = await helmets(client)
    assert (second.status_code, (await first).status_code) == (200, 200)
    assert time.monotonic() - started < WELL_IN_TIME_S
    assert len(fake.predictions) == 2, "they were not sent again"
    assert len(fake.scaled) == 1


async def test_a_slow_model_that_has_its_worker_is_left_alone(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.unloaded.clear()
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=2.5)
    assert (await helmets(client)).status_code == 200
    assert not fake.scaled


@pytest.mark.parametrize("said", ["Worker died.", "Worker scaled down."])
@pytest.mark.parametrize("status", [500, 507])
async def test_a_request_whose_worker_is_unloaded_is_sent_once_more(
    client: httpx.AsyncClient, fake: FakeTorchServe, said: str, status: int
) -> None:
    fake.unloaded.clear()

    def predict(asked: Asked) -> Answer:
        if len(fake.predictions) > 1:
            return street(asked)
        fake.unloaded.add(("helmets", "1.0"))
        return torchserve_error(status, "InternalServerException", said)

    fake.predict = predict
    response = await helmets(client)
    assert response.status_code == 200, response.text
    assert len(fake.scaled) == 1


async def test_a_worker_that_does_not_start_in_time_is_503(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.load_s = 60
    async with running_app(settings(read_timeout_s=0.5)) as (_, client):
        started = time.monotonic()
        assert_error(await helmets(client), 503, "model_not_ready", "its worker is not ready after")
        assert time.monotonic() - started < WELL_IN_TIME_S


async def test_a_full_queue_is_not_taken_for_an_unloaded_model(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.unloaded.clear()
    fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "the queue is full")
    assert_error(await helmets(client), 503, "overloaded")
    assert not fake.scaled


async def test_a_model_that_lost_its_workers_against_its_will_is_not_woken(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.unloaded.clear()
    assert (await helmets(client)).status_code == 200
    fake.others["helmets"]["1.0"] = []
    fake.predict = lambda asked: torchserve_error(
        503, "ServiceUnavailableException", 'Model "helmets" has no worker to serve inference request.'
    )
    assert (await helmets(client)).status_code == 503
    assert not fake.scaled


async def test_an_unloaded_model_counts_as_available_and_says_that_it_is_unloaded(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    for path in ("/v2/models/helmets/ready", "/v2/models/helmets/versions/1.0/ready"):
        assert (await client.get(path)).status_code == 200
    (version,) = (await client.get("/models/helmets")).json()["models"][0]["versions"]
    assert (version["version"], version["state"], version["workers"]) == ("1.0", "unloaded", [])
    assert not fake.scaled, "looking at a model does not load it"
    await helmets(client)
    (version,) = (await client.get("/models/helmets")).json()["models"][0]["versions"]
    assert "state" not in version


async def test_a_canary_that_is_unloaded_is_woken_and_answers(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    fake.others["helmets"]["1.1"] = ["READY"]
    fake.unloaded = {("helmets", "1.1")}
    routing = RoutingJson(tmp_path)
    routing.path = tmp_path / "helmets.json"
    routing.canary(100, "1.1")
    async with running_app(settings(routing_file=str(tmp_path / "routing.json"))) as (_, client):
        await until(lambda: fake.listed > 1)
        await asyncio.sleep(1.1)  # which versions are ready is known by now
        assert (await helmets(client)).status_code == 200
    assert fake.predictions[-1].path == "/helmets/1.1/predict"
    assert [asked.path for asked in fake.scaled] == ["/models/helmets/1.1"]


async def test_the_work_goes_on_for_those_who_wait_when_one_leaves(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.load_s = 0.6
    backend = TorchServeBackend(settings(model_name="helmets"))
    first, second = (asyncio.create_task(backend.wake(None)) for _ in range(2))
    await until(lambda: fake.scaled)
    first.cancel()
    await second
    assert len(fake.scaled) == 1
    await backend.aclose()


async def test_another_model_answers_meanwhile_from_the_same_cache(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    async with running_app(settings(cache="memory")) as (_, client):
        first = await helmets(client)
        assert (first.status_code, first.headers["x-cache"]) == (200, "BYPASS"), "which content answers is not known"
        await asyncio.sleep(1.1)
        assert [(await helmets(client)).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
    assert {asked_model(asked) for asked in fake.predictions} == {"helmets"}
