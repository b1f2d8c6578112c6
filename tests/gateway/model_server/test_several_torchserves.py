"""Three TorchServes behind one gateway: balanced, watched, and none of them missed when it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from gateway.model_server.base import InferenceBackend
from gateway.model_server.registry import create_backend
from gateway.model_server.torchserve.backend import TorchServeBackend
from gateway.settings import Settings
from tests.gateway.conftest import SettingsMaker, assert_error, ready_now, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, street, torchserve_error
from tests.gateway.support.fleet import HOST, Fleet, running_fleet
from tests.gateway.support.pictures import picture
from tests.gateway.support.scraping import by_labels

pytestmark = pytest.mark.anyio

JPEG = picture()


@pytest.fixture(scope="module")
def _fleet() -> Iterator[Fleet]:
    with running_fleet() as fleet:
        yield fleet


@pytest.fixture
def fleet(_fleet: Fleet) -> Fleet:
    _fleet.reset()
    return _fleet


@pytest.fixture
async def backend(settings: SettingsMaker, fleet: Fleet) -> InferenceBackend:
    return fleet.backend(settings())


@pytest.fixture
async def client(settings: SettingsMaker, backend: InferenceBackend) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(), backend) as (_, client):
        assert (await ready_now(client)).status_code == 200
        yield client


async def ask(client: httpx.AsyncClient, times: int, at_once: int = 1) -> list[int]:
    """Send so many pictures, some at a time; return the statuses."""
    places = asyncio.Semaphore(at_once)

    async def one() -> int:
        async with places:
            return (await client.post("/predict", content=JPEG)).status_code

    return list(await asyncio.gather(*(one() for _ in range(times))))


async def instances(client: httpx.AsyncClient) -> dict[str, bool]:
    (model,) = (await client.get("/models")).json()["models"]
    return {one["name"].partition(":")[0]: one["ready"] for one in model["instances"]}


def is_even(got: list[int]) -> bool:
    mean = sum(got) / len(got)
    return all(abs(one - mean) <= 0.2 * mean for one in got)


@pytest.mark.parametrize("at_once", [1, 6])
async def test_the_requests_are_shared_evenly(client: httpx.AsyncClient, fleet: Fleet, at_once: int) -> None:
    assert set(await ask(client, 60, at_once)) == {200}
    assert sum(fleet.got()) == 60
    assert is_even(fleet.got()), fleet.got()


async def test_each_is_asked_by_the_name_at_its_address(client: httpx.AsyncClient, fleet: Fleet) -> None:
    await ask(client, 3)
    for fake in fleet.fakes.values():
        assert [asked.headers["host"] for asked in fake.predictions] == [f"{HOST}:{fleet.port}"]


async def test_a_slow_one_gets_fewer(client: httpx.AsyncClient, fleet: Fleet) -> None:
    slow, *quick = fleet.fakes.values()
    slow.predict = lambda asked: Answer([STREET], delay_s=0.5)
    for one in quick:
        one.predict = lambda asked: Answer([STREET], delay_s=0.01)
    assert set(await ask(client, 40, at_once=6)) == {200}
    assert all(len(one.predictions) > len(slow.predictions) for one in quick), fleet.got()


async def test_a_killed_one_loses_nothing_and_gets_requests_again_when_it_is_back(
    client: httpx.AsyncClient, fleet: Fleet
) -> None:
    for fake in fleet.fakes.values():
        fake.predict = lambda asked: Answer([STREET], delay_s=0.05)
    asking = asyncio.create_task(ask(client, 80, at_once=8))
    killed = fleet.fakes["127.0.0.3"]
    await until(lambda: len(killed.predictions) > 3)
    await asyncio.to_thread(fleet.kill, "127.0.0.3")
    assert set(await asking) == {200}
    await client.get("/health")
    assert await instances(client) == {"127.0.0.2": True, "127.0.0.3": False, "127.0.0.4": True}
    before = len(killed.predictions)
    fleet.start("127.0.0.3")
    await until_ready(client, "127.0.0.3")
    assert set(await ask(client, 9)) == {200}
    assert len(killed.predictions) == before + 3


async def until_ready(client: httpx.AsyncClient, address: str) -> None:
    async with asyncio.timeout(30):
        while not (await instances(client)).get(address):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_one_that_is_scaled_away_finishes_and_a_new_one_is_found(client: httpx.AsyncClient, fleet: Fleet) -> None:
    leaving, *_ = fleet.fakes.values()
    leaving.predict = lambda asked: Answer([STREET], delay_s=2)
    slow = asyncio.create_task(client.post("/predict", content=JPEG))
    await until(lambda: leaving.predictions)
    fleet.addresses.remove("127.0.0.2")
    async with asyncio.timeout(30):
        while "127.0.0.2" in await instances(client):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert set(await ask(client, 8)) == {200}
    assert len(leaving.predictions) == 1
    assert (await slow).status_code == 200
    fleet.addresses.append("127.0.0.2")
    await until_ready(client, "127.0.0.2")
    leaving.predict = street
    await ask(client, 3)
    assert len(leaving.predictions) == 2


async def test_one_without_a_ready_worker_gets_nothing_and_the_service_is_ready_while_another_has_one(
    client: httpx.AsyncClient, fleet: Fleet
) -> None:
    first, *others = fleet.fakes.values()
    first.workers = {"1.0": ["UNLOADING"]}
    assert (await ready_now(client)).status_code == 200
    await ask(client, 6)
    assert not first.predictions
    for fake in others:
        fake.workers = {"1.0": ["UNLOADING"]}
    assert_error(await ready_now(client), 503, "model_not_ready", "none of 3 TorchServes is ready")


async def test_a_full_queue_or_a_missing_version_sends_the_request_to_another(
    client: httpx.AsyncClient, fleet: Fleet
) -> None:
    full, other, _ = fleet.fakes.values()
    full.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "full")
    assert set(await ask(client, 6)) == {200}
    other.workers = {"1.0": ["READY"], "2.0": ["READY"]}
    for _ in range(3):
        answer = await client.post("/predict?version=2.0", content=JPEG)
        assert answer.status_code == 200, answer.text
    assert_error(await client.post("/predict?version=3.0", content=JPEG), 404, "version_not_found")


async def test_one_that_answers_with_errors_leaves_the_rotation(client: httpx.AsyncClient, fleet: Fleet) -> None:
    broken, *_ = fleet.fakes.values()
    broken.predict = lambda asked: torchserve_error(503, "InternalServerException", "x")
    statuses = await ask(client, 30)
    assert statuses.count(200) > 20, "it fails three times, and is tried again after a second and more"
    assert (await instances(client))["127.0.0.2"] is False


async def test_a_wrong_picture_is_not_sent_around(client: httpx.AsyncClient, fleet: Fleet) -> None:
    def refuse(asked: Asked) -> Answer:
        return torchserve_error(400, "InvalidImage", "no picture")

    for fake in fleet.fakes.values():
        fake.predict = refuse
    assert set(await ask(client, 9)) == {400}
    assert fleet.got() == [3, 3, 3]
    assert set((await instances(client)).values()) == {True}


async def test_the_time_limit_is_for_all_tries_together(settings: SettingsMaker, fleet: Fleet) -> None:
    short = settings(read_timeout_s=3)
    first, *others = fleet.fakes.values()
    first.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "full", delay_s=1.8)
    for fake in others:
        fake.predict = lambda asked: Answer([STREET], delay_s=1.8)
    async with running_app(short, fleet.backend(short)) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 504, "backend_timeout")
    assert sum(fleet.got()) == 2


async def test_models_and_metrics_show_each(client: httpx.AsyncClient, fleet: Fleet) -> None:
    fleet.fakes["127.0.0.4"].workers = {"1.1": ["READY"]}
    await ready_now(client)
    await ask(client, 3)
    (model,) = (await client.get("/models")).json()["models"]
    names = [f"{address}:{fleet.port}" for address in fleet.fakes]
    assert [(one["name"], one["version"], one["requests"]) for one in model["instances"]] == [
        (names[0], "1.0", 1),
        (names[1], "1.0", 1),
        (names[2], "1.1", 1),
    ]
    assert {one["version"]: [worker["instance"] for worker in one["workers"]] for one in model["versions"]} == {
        "1.0": names[:2],
        "1.1": names[2:],
    }
    requests = await by_labels(client, "gateway_instance_requests_total", "model", "instance")
    assert requests == {("yolo", name): 1 for name in names}
    ready = await by_labels(client, "gateway_instance_ready", "instance")
    assert ready == {(name,): 1 for name in names}


async def test_a_list_of_urls_is_balanced_too(settings: SettingsMaker, fleet: Fleet) -> None:
    several = settings(torchserve_inference_url=fleet.urls, torchserve_management_url=fleet.urls)
    async with running_app(several) as (_, client):
        assert (await ready_now(client)).status_code == 200
        assert set(await ask(client, 9)) == {200}
        assert set((await instances(client)).values()) == {True}
    assert fleet.got() == [3, 3, 3]


async def test_one_address_is_asked_without_any_balancing(settings: SettingsMaker) -> None:
    assert isinstance(create_backend(settings()), TorchServeBackend)
    with pytest.raises(ValueError, match="different numbers of URLs"):
        Settings(torchserve_inference_url="http://a:1,http://b:1", torchserve_management_url="http://a:2")
