"""A bounded number of predictions at work and waiting; whoever leaves makes room."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest
from prometheus_client import CollectorRegistry

from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer as Found
from gateway.detection.request import Ask, Detector
from gateway.errors import Overloaded
from gateway.limits.admission import AdmittingDetector
from gateway.limits.room import REASONS, Room
from gateway.main import create_app
from gateway.model_server.base import Readiness
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, serving
from tests.gateway.support.pictures import picture
from tests.gateway.support.simulated_server import ask_of
from tests.gateway.support.sockets import connect, head

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


class Busy:
    """A detector that answers when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0
        self.most = 0
        self.done = asyncio.Semaphore(0)

    async def detect(self, ask: Ask) -> Found:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.done.acquire()
        finally:
            self.now -= 1
        return Found(Prediction([], None, "yolo", "1.0", "detect"))


def admitting(
    inner: Detector, in_flight: int, waiting: int, wait_s: float = 5, registry: CollectorRegistry | None = None
) -> AdmittingDetector:
    registry = registry or CollectorRegistry()
    room = Room(in_flight=in_flight, waiting=waiting, wait_s=wait_s, long_wait_s=60, registry=registry)
    return AdmittingDetector(inner, room, lambda: Readiness(True), "yolo")


def refusals(registry: CollectorRegistry) -> dict[str, float]:
    """Return how many requests were refused for each reason."""
    name = "gateway_admission_refused_total"
    counts = {reason: registry.get_sample_value(name, {"reason": reason}) or 0 for reason in REASONS}
    return {reason: count for reason, count in counts.items() if count}


async def test_so_many_are_at_work_so_many_wait_and_the_rest_is_refused_at_once() -> None:
    busy = Busy()
    door = admitting(busy, in_flight=2, waiting=3)
    tasks = [asyncio.create_task(door.detect(ask_of())) for _ in range(10)]
    await until(lambda: sum(task.done() for task in tasks) == 5)
    refused = [task for task in tasks if task.done()]
    assert all(isinstance(task.exception(), Overloaded) for task in refused)
    assert busy.asked == 2
    for _ in range(5):
        busy.done.release()
    await asyncio.gather(*(task for task in tasks if task not in refused))
    assert (busy.asked, busy.most) == (5, 2)
    busy.done.release()
    await door.detect(ask_of())  # and all places are free again


async def test_a_turn_that_does_not_come_is_overloaded_too() -> None:
    busy = Busy()
    door = admitting(busy, in_flight=1, waiting=5, wait_s=0.1)
    first = asyncio.create_task(door.detect(ask_of()))
    await until(lambda: busy.asked)
    with pytest.raises(Overloaded):
        await door.detect(ask_of())
    busy.done.release()
    await first


async def test_whoever_leaves_frees_a_place_at_work_and_in_the_queue() -> None:
    busy = Busy()
    door = admitting(busy, in_flight=1, waiting=1)
    working = asyncio.create_task(door.detect(ask_of()))
    waiting = asyncio.create_task(door.detect(ask_of()))
    await until(lambda: busy.asked)
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    next_one = asyncio.create_task(door.detect(ask_of()))
    await asyncio.sleep(0)
    working.cancel()
    await until(lambda: busy.asked == 2)
    busy.done.release()
    await next_one


async def test_a_client_that_leaves_at_the_moment_of_its_turn_leaves_it_to_the_next() -> None:
    busy = Busy()
    door = admitting(busy, in_flight=1, waiting=2)
    tasks = [asyncio.create_task(door.detect(ask_of(caller))) for caller in ("first", "leaving", "next")]
    await until(lambda: busy.asked)
    busy.done.release()
    await tasks[0]  # the turn is given now
    tasks[1].cancel()
    busy.done.release()
    await tasks[2]
    assert tasks[1].cancelled()
    assert busy.most == 1


async def test_a_failure_frees_its_place() -> None:
    class Broken:
        async def detect(self, ask: Ask) -> Found:
            raise RuntimeError

    door = admitting(Broken(), in_flight=1, waiting=0, wait_s=1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await door.detect(ask_of())


async def test_above_it_predict_is_503_at_once_with_retry_after(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=8)
    async with running_app(settings(max_in_flight=2, max_waiting=1)) as (_, client):
        posts = [asyncio.create_task(client.post("/predict", content=JPEG)) for _ in range(6)]
        await until(lambda: sum(post.done() for post in posts) == 3)
        await until(lambda: len(fake.predictions) == 2)  # slower than the refusals
        for post in posts:
            if post.done():
                assert_error(post.result(), 503, "overloaded", "try again")
                assert post.result().headers["retry-after"] == "1"
        scraped = (await client.get("/metrics")).text
        for post in posts:
            post.cancel()
        await asyncio.gather(*posts, return_exceptions=True)
    assert len(fake.predictions) == 2
    assert 'gateway_admission_refused_total{reason="full"} 3.0' in scraped
    assert "gateway_admission_waiting 1.0" in scraped


async def test_sixty_four_at_once_are_all_taken_where_they_may_wait(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=0.2)
    async with running_app(settings(max_wait_s=60)) as (_, client):
        answers = await asyncio.gather(*(client.post("/predict", content=JPEG) for _ in range(64)))
    assert {answer.status_code for answer in answers} == {200}


async def test_where_the_model_server_makes_batches_one_for_each_worker_is_let_through(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.0": ["READY", "READY", "UNLOADING"]}  # and batches of four
    fake.predict = lambda asked: Answer([STREET], delay_s=0.2)  # three times the model's own time, which looks full
    async with running_app(settings(max_wait_s=60)) as (_, client):
        for _ in range(3):
            await asyncio.gather(*(client.post("/predict", content=JPEG) for _ in range(8)))
        scraped = (await client.get("/metrics")).text
    assert 'gateway_admission_places{model="yolo"} 8.0' in scraped.splitlines()


async def test_a_client_that_leaves_the_queue_is_no_longer_in_it(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=3)
    with serving(create_app(settings(max_in_flight=1, max_waiting=1)), lifespan="on") as url:
        with connect(url) as working, connect(url) as queued:
            working.sendall(head(len(JPEG)) + JPEG)
            await until(lambda: fake.predictions)
            queued.sendall(head(len(JPEG)) + JPEG)
            async with httpx.AsyncClient(trust_env=False) as client:
                await until_metric(client, url, "gateway_admission_waiting 1.0")
                queued.close()
                await until_metric(client, url, "gateway_admission_waiting 0.0")
        await until(lambda: fake.abandoned == 1)


async def until_metric(client: httpx.AsyncClient, url: str, line: str) -> None:
    async with asyncio.timeout(30):
        while line not in (await client.get(f"{url}/metrics")).text.splitlines():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
