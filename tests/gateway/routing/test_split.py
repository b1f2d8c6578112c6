"""Canary and experiment through the whole gateway: shares, stickiness, fallback, what is counted, two gateways."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import RoutingJson, agreed, asked_version, by_version
from tests.gateway.support.scraping import metric

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


@pytest.fixture
def routing(tmp_path: Path) -> RoutingJson:
    return RoutingJson(tmp_path)


@pytest.fixture(autouse=True)
def _two_versions(fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}
    fake.predict = by_version()


@pytest.fixture
async def client(settings: SettingsMaker, routing: RoutingJson) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(routing_file=str(routing.path))) as (_, client):
        yield client


async def versions(client: httpx.AsyncClient, keys: list[str | None]) -> list[str]:
    """Return the version that each of these clients gets; every answer must be good and agree with its header."""
    found = []
    for key in keys:
        headers = {} if key is None else {"X-Client-Key": key}
        response = await client.post("/predict", content=JPEG, headers=headers)
        assert response.status_code == 200, response.text
        assert response.headers["x-model-version"] == response.json()["model"]["version"]
        found.append(response.headers["x-model-version"])
    return found


async def traffic(client: httpx.AsyncClient) -> dict[tuple[str, str], dict[str, Any]]:
    rows = (await client.get("/models")).json()["traffic"]
    return {(row["version"], row["role"]): row for row in rows}


KEYS: list[str | None] = [f"camera-{number}" for number in range(60)]


async def test_clients_are_split_and_each_keeps_its_version(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(40)
    await agreed()
    first = await versions(client, KEYS)
    assert 10 < Counter(first)["1.1"] < 40
    assert await versions(client, KEYS) == first


async def test_raising_the_share_moves_nobody_back(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(20)
    await agreed()
    before = await versions(client, KEYS)
    routing.canary(60)
    await agreed()
    after = await versions(client, KEYS)
    assert all(new == "1.1" for old, new in zip(before, after, strict=True) if old == "1.1")
    assert after.count("1.1") > before.count("1.1")


async def test_without_a_key_requests_are_spread_by_chance(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(50)
    await agreed()
    assert set(await versions(client, [None] * 40)) == {"1.0", "1.1"}


async def test_a_batch_stays_with_one_version(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(50)
    await agreed()
    seen = set()
    for _ in range(20):
        answer = await client.post("/predict/batch", files=[("files", JPEG)] * 4)
        found = {entry["model"]["version"] for entry in answer.json()["results"]}
        assert len(found) == 1
        seen |= found
    assert seen == {"1.0", "1.1"}


async def test_an_inference_request_of_several_pictures_stays_with_one_version(
    client: httpx.AsyncClient, routing: RoutingJson
) -> None:
    routing.canary(50)
    await agreed()
    data = [base64.b64encode(JPEG).decode()] * 4
    asked = {
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [4], "data": data}],
        "outputs": [{"name": "detections"}],
    }
    seen = set()
    for _ in range(20):
        answer = (await client.post("/v2/models/yolo/infer", json=asked)).json()
        found = {json.loads(one)["model"]["version"] for one in answer["outputs"][0]["data"]}
        assert found == {answer["model_version"]}
        seen |= found
    assert seen == {"1.0", "1.1"}


async def test_a_named_version_goes_past_the_split(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(100)
    await agreed()
    response = await client.post("/predict?version=1.0", content=JPEG)
    assert response.headers["x-model-version"] == "1.0"
    assert set(await traffic(client)) == {("1.1", "canary"), ("1.0", "named")}


async def test_two_gateways_on_one_file_agree(
    client: httpx.AsyncClient, settings: SettingsMaker, routing: RoutingJson
) -> None:
    async with running_app(settings(routing_file=str(routing.path))) as (_, other):
        for percent in (10, 50, 90):
            routing.canary(percent)
            await agreed()
            assert await versions(client, KEYS) == await versions(other, KEYS)


async def test_an_experiment_gives_every_version_its_share(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.workers["1.2"] = ["READY"]
    routing.write(experiment={"name": "night", "shares": {"1.1": 30, "1.2": 30}, "salt": "x"})
    await agreed()
    assert set(await versions(client, KEYS)) == {"1.0", "1.1", "1.2"}
    assert set(await traffic(client)) == {("1.0", "stable"), ("1.1", "experiment"), ("1.2", "experiment")}


async def test_the_split_ends_when_the_file_goes(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(100)
    await agreed()
    assert set(await versions(client, KEYS[:3])) == {"1.1"}
    routing.path.unlink()
    await agreed()
    assert set(await versions(client, KEYS[:3])) == {"1.0"}


async def test_a_broken_file_changes_nothing_and_is_counted(client: httpx.AsyncClient, routing: RoutingJson) -> None:
    routing.canary(100)
    await agreed()
    await versions(client, KEYS[:1])
    routing.put(b"{")
    await agreed()
    assert set(await versions(client, KEYS[:3])) == {"1.1"}
    assert await metric(client, "gateway_routing_errors_total") == 1
    shown = (await client.get("/models")).json()["routing"]
    assert shown["revision"] == 1
    assert "the file" in shown["problem"]


# -- nothing is lost ------------------------------------------------------------------------------------------------


async def test_a_chosen_version_that_is_not_loaded_is_answered_by_the_default(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    del fake.workers["1.1"]
    routing.canary(100)
    await agreed()
    assert set(await versions(client, KEYS[:10])) == {"1.0"}
    assert await metric(client, "gateway_routing_fallbacks_total", version="1.1") == 10
    found = await traffic(client)
    assert found["1.1", "canary"]["fallbacks"] == 10
    assert found["1.1", "canary"]["requests"] == 0
    assert found["1.0", "stable"]["requests"] == 10
    # The picture is not sent twice each time: who was not there a moment ago is not asked again at once.
    assert [asked_version(asked) for asked in fake.predictions].count("1.1") <= 1


async def test_a_stable_version_that_is_gone_falls_back_as_well(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.workers = {"2.0": ["READY"]}
    fake.predict = by_version(default="2.0")
    routing.canary(50)
    await agreed()
    assert set(await versions(client, KEYS[:10])) == {"2.0"}


async def test_a_version_that_comes_back_is_used_again(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    del fake.workers["1.1"]
    routing.canary(100)
    await agreed()
    await versions(client, KEYS[:2])
    fake.workers["1.1"] = ["READY"]

    async with asyncio.timeout(30):
        while (await versions(client, KEYS[:1])) != ["1.1"]:
            await agreed()


async def test_a_chosen_version_without_a_worker_is_not_sent_where_it_would_hang(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson, caplog: pytest.LogCaptureFixture
) -> None:
    routing.canary(100)
    await agreed()
    assert await versions(client, KEYS[:1]) == ["1.1"]
    fake.workers["1.1"] = ["UNLOADING"]

    def hanging(asked: Asked) -> Answer:
        answer = by_version()(asked)
        answer.delay_s = 30 if asked_version(asked) == "1.1" else 0
        return answer

    await until(lambda: "versions that routing chooses are not ready" in caplog.messages)
    fake.predict = hanging
    async with asyncio.timeout(15):
        assert set(await versions(client, KEYS[:3])) == {"1.0"}


@pytest.mark.parametrize("kind", ["InternalServerException", "ServiceUnavailableException"])
async def test_a_candidate_that_fails_costs_its_clients_nothing_but_is_counted(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson, kind: str
) -> None:
    def failing(asked: Asked) -> Answer:
        if asked_version(asked) == "1.1":
            return torchserve_error(503, kind, "Prediction failed")
        return by_version()(asked)

    fake.predict = failing
    routing.canary(100)
    await agreed()
    assert set(await versions(client, KEYS[:4])) == {"1.0"}
    found = (await traffic(client))["1.1", "canary"]
    assert (found["requests"], found["errors"], found["fallbacks"]) == (4, 4, 4)
    assert found["errors_with_fallback"] == 4
    assert await metric(client, "gateway_routing_error_fallbacks_total", version="1.1") == 4
    failed = {"outcome": "error", "role": "canary", "version": "1.1"}
    assert await metric(client, "gateway_version_requests_total", **failed) == 4


async def test_a_timeout_is_an_error_without_a_fallback(
    settings: SettingsMaker, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.predict = lambda asked: Answer(b"", delay_s=30)
    routing.canary(100)
    async with running_app(settings(routing_file=str(routing.path), read_timeout_s=0.5)) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 504, "backend_timeout")
        found = (await traffic(client))["1.1", "canary"]
    assert (found["errors"], found["fallbacks"], found["errors_with_fallback"]) == (1, 0, 0)


async def test_a_picture_that_is_refused_is_refused_once_and_is_nobodys_error(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.predict = lambda asked: torchserve_error(400, "InvalidImage", "cut short")
    routing.canary(100)
    await agreed()
    assert_error(await client.post("/predict", content=JPEG), 400, "invalid_image")
    assert len(fake.predictions) == 1
    found = (await traffic(client))["1.1", "canary"]
    assert (found["requests"], found["errors"], found["rejected"], found["fallbacks"]) == (1, 0, 1, 0)


async def test_failures_of_the_default_version_are_counted_for_it(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    await client.get("/health")  # which tells the default version
    fake.predict = lambda asked: Answer(b"", 500)
    assert_error(await client.post("/predict", content=JPEG), 502, "backend_error")
    assert (await traffic(client))["1.0", "stable"]["errors"] == 1


async def test_under_load_nothing_is_lost_while_versions_come_and_go(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    over = False

    async def ask(key: str) -> Counter[str]:
        return Counter([version async for version in answers(key)])

    async def answers(key: str) -> AsyncIterator[str]:
        while not over:
            yield (await versions(client, [key]))[0]

    asking = [asyncio.create_task(ask(f"camera-{number}")) for number in range(8)]
    for percent in (10, 50, 100):
        routing.canary(percent)
        await asyncio.sleep(0.3)
    del fake.workers["1.1"]  # unregistered before the gateways know
    await asyncio.sleep(0.3)
    routing.write()
    await asyncio.sleep(0.3)
    over = True
    total = sum(await asyncio.gather(*asking), Counter())
    assert total["1.0"] > 5
    assert total["1.1"] > 5


# -- what is shown --------------------------------------------------------------------------------------------------


async def test_models_shows_the_routing_in_force_without_its_salts(
    client: httpx.AsyncClient, routing: RoutingJson
) -> None:
    routing.canary(10, shadow={"version": "1.2", "percent": 20})
    await agreed()
    assert (await client.get("/models")).json()["routing"] == {
        "revision": 1,
        "updated": "2026-11-23T15:00:00Z",
        "stable": "1.0",
        "canary": {"version": "1.1", "percent": 10.0},
        "experiment": None,
        "shadow": {"version": "1.2", "percent": 20.0},
        "server": None,
        "problem": None,
    }
    shares = {"1.0": 50, "1.2": 30.5}
    routing.write(experiment={"name": "night", "shares": shares, "salt": "secret"})
    await agreed()
    response = await client.get("/models")
    found = [{"version": "1.0", "percent": 50.0}, {"version": "1.2", "percent": 30.5}]
    assert response.json()["routing"]["experiment"] == {"name": "night", "shares": found}
    assert "secret" not in response.text


async def test_each_version_is_counted_with_latency_and_detections(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.predict = by_version(boxes={"1.1": STREET["boxes"][:1]})
    routing.canary(50)
    await agreed()
    got = Counter(await versions(client, KEYS))
    found = await traffic(client)
    assert set(found) == {("1.0", "stable"), ("1.1", "canary")}
    for (version, _), boxes in zip(sorted(found), (2, 1), strict=True):
        row = found[version, "stable" if version == "1.0" else "canary"]
        assert (row["requests"], row["errors"], row["window"]) == (got[version], 0, got[version])
        assert (row["detections"], row["detections_mean"]) == (got[version] * boxes, boxes)
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert row["since_revision"] == 1
        assert row["compared"] is None
        assert await metric(client, "gateway_version_seconds_count", version=version) == got[version]
        found_total = await metric(client, "gateway_version_detections_total", version=version)
        assert found_total == got[version] * boxes
    good = {"outcome": "ok", "role": "canary", "version": "1.1"}
    assert await metric(client, "gateway_version_requests_total", **good) == got["1.1"]


async def test_counting_goes_on_through_the_steps_of_a_canary_and_begins_anew_with_the_next(
    client: httpx.AsyncClient, routing: RoutingJson
) -> None:
    routing.canary(50, salt="first")
    await agreed()
    got = (await versions(client, KEYS)).count("1.1")
    routing.canary(100, salt="first")
    await agreed()
    row = (await traffic(client))["1.1", "canary"]
    assert (row["requests"], row["since_revision"]) == (got, 1)
    routing.canary(100, salt="second")
    await agreed()
    row = (await traffic(client))["1.1", "canary"]
    assert (row["requests"], row["since_revision"], row["p50_ms"]) == (0, 3, None)


async def test_a_client_that_leaves_is_no_failure(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    await client.get("/health")
    fake.predict = lambda asked: Answer([STREET], delay_s=20)
    task = asyncio.create_task(client.post("/predict", content=JPEG))
    await until(lambda: fake.predictions)
    task.cancel()
    await until(lambda: fake.abandoned)
    assert await traffic(client) == {}
