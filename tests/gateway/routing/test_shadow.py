"""Shadow traffic: after the answer, bounded, compared box by box, and never noticed by the client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe, serving, torchserve_error
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import RoutingJson, agreed, asked_version, by_version

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
PERSON, BUS = STREET["boxes"]
MOVED = {**PERSON, "xyxy": [265.31, 184.2, 476.8, 298.1]}


@pytest.fixture
async def routing(tmp_path: Path) -> RoutingJson:
    """Everything that the stable version answers is shown to 1.2."""
    routing = RoutingJson(tmp_path)
    routing.write(shadow={"version": "1.2", "percent": 100})
    return routing


@pytest.fixture(autouse=True)
def _two_versions(fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["READY"], "1.2": ["READY"]}
    fake.predict = by_version()


@pytest.fixture
async def client(settings: SettingsMaker, routing: RoutingJson) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(routing_file=str(routing.path))) as (_, client):
        yield client


def slowly_in(version: str, delay_s: float) -> Callable[[Asked], Answer]:
    def predict(asked: Asked) -> Answer:
        answer = by_version()(asked)
        answer.delay_s = delay_s if asked_version(asked) == version else 0.0
        return answer

    return predict


async def shadow(client: httpx.AsyncClient, **wanted: int) -> dict[str, Any]:
    """Wait until the shadow's row has these numbers and return it."""
    async with asyncio.timeout(30):
        while True:
            rows = (await client.get("/models")).json()["traffic"]
            row: dict[str, Any] = next((row for row in rows if row["role"] == "shadow"), {})
            if all(row.get(key) == value for key, value in wanted.items()):
                return row
            await asyncio.sleep(0.02)


async def test_the_candidate_sees_the_same_request_and_the_answer_is_the_stable_versions(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = by_version(boxes={"1.2": []})
    response = await client.post("/predict?conf=0.4", content=JPEG, headers={"X-Request-ID": "my-id"})
    assert response.headers["x-model-version"] == "1.0"
    assert len(response.json()["detections"]) == 2
    await shadow(client, compared=1)
    first, second = fake.predictions
    assert [asked_version(asked) for asked in (first, second)] == [None, "1.2"]
    assert (second.body, second.query) == (first.body, first.query)
    assert second.headers["x-request-id"] == "my-id-shadow"


async def test_missing_extra_and_moved_boxes_are_counted(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    extra = {**BUS, "xyxy": [0.0, 0.0, 20.0, 20.0], "name": "car"}
    fake.predict = by_version(boxes={"1.2": [MOVED, extra]})
    for _ in range(2):
        await client.post("/predict", content=JPEG)
        await agreed()
    row = await shadow(client, compared=2)
    assert (row["missing"], row["extra"], row["moved"], row["errors"], row["skipped"]) == (2, 2, 2, 0, 0)
    assert (row["version"], row["requests"], row["detections_mean"]) == ("1.2", 2, 2)
    text = (await client.get("/metrics")).text
    for kind, count in {"compared": 2, "missing": 2, "extra": 2, "moved": 2}.items():
        assert f'gateway_shadow_{kind}_total{{model="yolo",version="1.2"}} {count}.0' in text


async def test_a_candidate_that_hangs_delays_nobody_and_what_finds_no_place_is_skipped(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = slowly_in("1.2", 30)
    async with asyncio.timeout(15):
        for _ in range(5):
            assert (await client.post("/predict", content=JPEG)).status_code == 200
    row = await shadow(client, skipped=3)
    assert row["compared"] == 0
    assert [asked_version(asked) for asked in fake.predictions].count("1.2") == 2


async def test_stopping_gives_up_what_is_shadowed(
    settings: SettingsMaker, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.predict = slowly_in("1.2", 30)
    async with asyncio.timeout(15):
        async with running_app(settings(routing_file=str(routing.path))) as (_, client):
            await client.post("/predict", content=JPEG)
            await until(lambda: len(fake.predictions) == 2)
        await until(lambda: fake.abandoned)


@pytest.mark.parametrize(
    "answer",
    [
        torchserve_error(503, "InternalServerException", "Prediction failed"),
        torchserve_error(400, "InvalidImage", "no picture"),
        Answer(b"nonsense"),
        Answer([{"boxes": 3}]),
    ],
)
async def test_a_candidate_that_fails_is_counted_and_leaks_nothing(
    client: httpx.AsyncClient, fake: FakeTorchServe, answer: Answer
) -> None:
    fake.predict = lambda asked: answer if asked_version(asked) else by_version()(asked)
    for _ in range(3):  # more than there are places: each is given back
        assert (await client.post("/predict", content=JPEG)).headers["x-model-version"] == "1.0"
        await agreed()
    row = await shadow(client, errors=3)
    assert row["compared"] == 0
    assert 'gateway_shadow_errors_total{model="yolo",version="1.2"} 3.0' in (await client.get("/metrics")).text


async def test_a_candidate_that_is_not_loaded_costs_nothing_but_a_count(
    settings: SettingsMaker, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    del fake.workers["1.2"]
    async with running_app(settings(routing_file=str(routing.path))) as (_, client):
        await asyncio.sleep(0.3)  # it is noticed without a picture being sent
        await client.post("/predict", content=JPEG)
        await shadow(client, skipped=1)
    assert len(fake.predictions) == 1


async def test_while_the_stable_version_has_a_queue_nothing_is_shadowed(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    busy = {**STREET, "timings_ms": {"total": 5.0}}
    fake.predict = lambda asked: Answer([busy], delay_s=0.1)  # 95 ms of waiting for 5 of work
    await client.post("/predict", content=JPEG)
    row = await shadow(client, skipped=1)
    assert row["requests"] == 0


async def test_of_a_batch_as_many_pictures_are_shadowed_as_there_are_places(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    answer = await client.post("/predict/batch", files=[("files", JPEG)] * 6)
    assert answer.json()["succeeded"] == 6
    await shadow(client, compared=2, skipped=4)


@pytest.mark.parametrize("percent", [0, 30])
async def test_a_share_is_shadowed(
    settings: SettingsMaker, fake: FakeTorchServe, routing: RoutingJson, percent: int
) -> None:
    routing.write(shadow={"version": "1.2", "percent": percent})
    async with running_app(settings(routing_file=str(routing.path), shadow_in_flight=64)) as (_, client):
        for _ in range(100):
            await client.post("/predict", content=JPEG)
        await agreed()
        shown = sum(asked_version(asked) == "1.2" for asked in fake.predictions)
    assert shown == 0 if percent == 0 else 5 < shown < 60


async def test_only_what_the_stable_version_answered_is_compared(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.workers["1.1"] = ["READY"]
    routing.canary(100, shadow={"version": "1.2", "percent": 100})
    await agreed()
    await client.post("/predict", content=JPEG)
    await client.post("/predict?version=1.0", content=JPEG)
    await agreed()
    assert [asked_version(asked) for asked in fake.predictions] == ["1.1", "1.0"]


async def test_no_place_turns_it_off(settings: SettingsMaker, fake: FakeTorchServe, routing: RoutingJson) -> None:
    async with running_app(settings(routing_file=str(routing.path), shadow_in_flight=0)) as (_, client):
        await client.post("/predict", content=JPEG)
        await shadow(client, skipped=1)
    assert len(fake.predictions) == 1


async def test_over_a_real_connection_the_answer_is_whole_before_the_candidate_is_asked(
    settings: SettingsMaker, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    """Read the answer's last byte while the candidate still has not been allowed to answer."""
    fake.predict = slowly_in("1.2", 30)
    with serving(create_app(settings(routing_file=str(routing.path))), lifespan="on") as url:
        parts = urlsplit(url)
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nConnection: close\r\n"
        with contextlib.closing(socket.create_connection((parts.hostname, parts.port), timeout=10)) as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(JPEG) + JPEG)
            answer = await asyncio.to_thread(lambda: b"".join(iter(lambda: connection.recv(65536), b"")))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"}")
        await until(lambda: len(fake.predictions) == 2)
