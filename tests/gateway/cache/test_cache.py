"""CACHE=memory through the whole gateway: what is remembered, for whom, and when it is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import httpx
import pytest

from gateway.cache import serving
from gateway.detection.image_header import read_image_header
from gateway.detection.parameters import NO_PARAMETERS
from gateway.detection.request import Answer as Detected
from gateway.detection.request import Ask
from gateway.main import create_app
from gateway.model_server.errors import BackendNoSuchVersion
from ops.torchserve import drain
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture
from tests.gateway.support.scraping import by_labels, total

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
OTHER = picture("JPEG", size=(65, 48))


@pytest.fixture
async def client(settings: SettingsMaker) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(cache="memory")) as (_, client):
        yield client


def version_of_the_path(asked: Asked) -> str:
    parts = asked.path.strip("/").split("/")
    return parts[1] if parts[-1] == "predict" else ""


def serve(fake: FakeTorchServe, version: str, **more: Any) -> None:
    """Let `version` be the default and answer."""
    fake.workers = {version: ["READY"]}
    fake.predict = lambda asked: Answer([{**STREET, "model": {"name": "yolo", "version": version}, **more}])


async def ask(client: httpx.AsyncClient, body: bytes = JPEG, **headers: str) -> httpx.Response:
    response = await client.post("/predict", content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert response.status_code == 200, response.text
    return response


async def outcomes(client: httpx.AsyncClient) -> dict[str, float]:
    counted = await by_labels(client, "gateway_cache_total", "outcome")
    return {outcome: count for (outcome,), count in counted.items()}


async def test_off_is_the_default_and_adds_nothing(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    async with running_app(settings()) as (_, client):
        first, second = await ask(client), await ask(client)
        assert "gateway_cache" not in (await client.get("/metrics")).text
    assert len(fake.predictions) == 2
    assert not {"x-cache", "age"} & (set(first.headers) | set(second.headers))


async def test_the_same_picture_is_asked_about_once_and_the_answer_is_the_same(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    box = {**STREET["boxes"][0], "keypoints": [[1.5, 2.5, 0.9]], "mask": {"polygon": [[0.1, 1e-7]], "n": None}}
    fake.predict = lambda asked: Answer([{**STREET, "boxes": [box], "probs": [{"name": "vélo", "conf": 0.123456789}]}])
    first = await ask(client)
    second = await ask(client)
    assert len(fake.predictions) == 1
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
    assert "age" not in first.headers
    assert second.headers["age"] == "0"
    one, two = first.json(), second.json()
    assert two["request_id"] == second.headers["x-request-id"] != one["request_id"]
    for body in (one, two):
        del body["request_id"], body["timings_ms"]["total"]
    assert one == two
    assert list(first.json()) == list(second.json())


async def test_a_form_and_a_raw_body_with_the_same_picture_share_the_answer(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    await ask(client)
    response = await client.post("/predict", files={"file": ("any.jpg", JPEG)}, data={"classes": "2,1"})
    assert response.headers["x-cache"] == "MISS"
    response = await client.post("/predict?classes=1&classes=2&classes=1", content=JPEG)
    assert response.headers["x-cache"] == "HIT", "the order of classes changes no answer"
    assert (await client.post("/predict", files={"file": JPEG})).headers["x-cache"] == "HIT"


@pytest.mark.parametrize(
    "query",
    [
        *("conf=0.5", "iou=0.5", "max_det=3", "classes=1", "agnostic_nms=true"),
        *("imgsz=320", "multi_label=true", "conf=0.51"),
    ],
)
async def test_another_parameter_is_another_answer(client: httpx.AsyncClient, fake: FakeTorchServe, query: str) -> None:
    await ask(client)
    await client.post("/predict?conf=0.500", content=JPEG)
    expected = "HIT" if query == "conf=0.5" else "MISS"
    assert (await client.post(f"/predict?{query}", content=JPEG)).headers["x-cache"] == expected


async def test_another_picture_is_another_answer(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    await ask(client)
    assert (await ask(client, OTHER)).headers["x-cache"] == "MISS"
    assert (await ask(client, JPEG + b"\0")).headers["x-cache"] == "MISS"
    big = JPEG + bytes(3_000_000)  # hashed in a thread
    assert [(await ask(client, big)).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]


def test_all_that_an_ask_holds_is_in_the_key_or_changes_no_answer() -> None:
    in_the_key = {"image", "parameters", "version", "model"}
    of_the_picture_or_the_request = {"header", "request_id", "client_key", "no_store", "max_age_s", "claim"}
    # Something new? If an answer depends on it, put it into gateway.cache.key.cache_key first.
    assert {field.name for field in fields(Ask)} == in_the_key | of_the_picture_or_the_request


async def test_no_store_neither_uses_nor_leaves_anything(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    assert (await ask(client, cache_control="no-store")).headers["x-cache"] == "BYPASS"
    assert (await ask(client)).headers["x-cache"] == "MISS"
    assert (await ask(client, cache_control="No-Store, max-age=9")).headers["x-cache"] == "BYPASS"
    assert len(fake.predictions) == 3


async def test_no_cache_asks_again_and_remembers(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    await ask(client)
    fake.predict = lambda asked: Answer([{**STREET, "boxes": []}])
    assert len((await ask(client)).json()["detections"]) == 2
    fresh = await ask(client, cache_control="no-cache")
    assert (fresh.headers["x-cache"], fresh.json()["detections"]) == ("BYPASS", [])
    for pause_s in (0, 0.1):  # what was asked before is not stored over it, either
        await asyncio.sleep(pause_s)
        after = await ask(client, cache_control="max-age=3600")
        assert (after.headers["x-cache"], after.json()["detections"]) == ("HIT", [])
    assert (await ask(client, cache_control="max-age=0")).headers["x-cache"] == "BYPASS"


async def test_an_error_is_not_remembered(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    good = fake.predict
    for status, kind in ((503, "InternalServerException"), (400, "InvalidImage"), (507, "x")):
        fake.predict = lambda asked, s=status, k=kind: torchserve_error(s, k, "no")
        assert (await client.post("/predict", content=JPEG)).status_code >= 400
    fake.predict = good
    assert (await ask(client)).headers["x-cache"] == "MISS"
    assert (await outcomes(client))["miss"] == 1


async def test_after_a_release_no_old_answer_is_given(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    serve(fake, "1.0")
    await ask(client)
    assert (await ask(client)).headers["x-cache"] == "HIT"
    serve(fake, "1.1", boxes=[])
    await asyncio.sleep(serving.FRESH_S)  # a release takes longer
    response = await ask(client)
    assert response.headers["x-cache"] == "MISS"
    assert response.json()["model"]["version"] == "1.1"
    assert (await ask(client)).headers["x-cache"] == "HIT"


def test_a_release_takes_longer_than_knowledge_counts_as_sure() -> None:
    assert serving.FRESH_S < drain.SETTLE_S


async def test_a_rollback_finds_nothing_that_an_earlier_loading_left(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    serve(fake, "1.0")
    await ask(client)
    fake.started = "2026-11-23T12:00:00.000Z"  # packaged anew under its old name, or loaded again
    serve(fake, "1.0", boxes=[])
    await asyncio.sleep(serving.FRESH_S)
    response = await ask(client)
    assert (response.headers["x-cache"], response.json()["detections"]) == ("MISS", [])


async def test_an_answer_of_another_version_than_expected_is_not_kept_and_ends_the_belief(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    await ask(client)
    serve(fake, "1.1")  # between two questions about what is served
    assert (await ask(client, OTHER)).json()["model"]["version"] == "1.1"
    assert [(await ask(client, OTHER)).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]


async def test_an_answer_begun_before_a_release_is_not_shared_with_one_who_comes_after_it(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    serve(fake, "1.0")
    await ask(client, OTHER)
    fake.predict = lambda asked: Answer([STREET], delay_s=1)
    before = asyncio.create_task(ask(client))
    await until(lambda: len(fake.predictions) == 2)
    serve(fake, "1.1")
    await asyncio.sleep(serving.FRESH_S)
    assert (await ask(client)).json()["model"]["version"] == "1.1"
    assert not before.done()
    assert (await before).json()["model"]["version"] == "1.0"


async def test_what_cannot_be_told_is_not_waited_for_nor_remembered(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.describe = Answer([], delay_s=30)
    assert [(await ask(client)).headers["x-cache"] for _ in range(3)] == ["BYPASS"] * 3
    assert len(fake.predictions) == 3


async def test_what_is_served_is_not_asked_for_every_request(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    await ask(client)
    before = fake.described
    started = asyncio.get_running_loop().time()
    for _ in range(50):
        assert (await ask(client)).headers["x-cache"] == "HIT"
    took = asyncio.get_running_loop().time() - started
    # The readiness watch asks once a second beside it.
    assert fake.described - before <= took / serving.FRESH_S + took + 2


async def test_a_model_that_does_not_say_its_version_is_remembered_under_the_servers(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([{"boxes": []}])
    assert [(await ask(client)).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]


async def test_a_named_version_has_answers_of_its_own(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}
    fake.predict = lambda asked: Answer(
        [{**STREET, "model": {"name": "yolo", "version": version_of_the_path(asked) or "1.0"}}]
    )
    async with running_app(settings(cache="memory")) as (app, client):
        await ask(client)

        async def named(version: str) -> Detected:
            wanted = Ask(JPEG, read_image_header(JPEG, 10**8), NO_PARAMETERS, "x", version=version)
            answer: Detected = await app.state.services.detector.detect(wanted)
            return answer

        one, two = await named("1.1"), await named("1.1")
        assert (one.cache, two.cache) == ("miss", "hit")
        assert one.prediction.model_version == two.prediction.model_version == "1.1"
        # The default by its own name is the same content.
        assert (await named("1.0")).cache == "hit"
        del fake.workers["1.1"]
        await asyncio.sleep(serving.FRESH_S)
        with pytest.raises(BackendNoSuchVersion):
            await named("1.1")


async def test_all_is_no_version_although_torchserve_describes_every_one_under_it(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    assert [(await ask(client)).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
    assert_error(await client.post("/predict?version=all", content=JPEG), 404, "version_not_found")


async def test_identical_requests_at_the_same_moment_share_one_inference(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=2)
    responses = await asyncio.gather(*(ask(client) for _ in range(20)))
    assert len(fake.predictions) == 1
    assert sorted(response.headers["x-cache"] for response in responses) == ["HIT"] * 19 + ["MISS"]
    assert len({response.json()["request_id"] for response in responses}) == 20
    assert await outcomes(client) == {"hit": 0, "shared": 19, "miss": 1, "bypass": 0}


async def test_a_failure_is_everybodys_and_asked_for_once(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "full", delay_s=2)
    responses = await asyncio.gather(*(client.post("/predict", content=JPEG) for _ in range(10)))
    assert len(fake.predictions) == 1
    assert {response.status_code for response in responses} == {503}
    fake.predict = lambda asked: Answer([STREET])
    assert (await ask(client)).headers["x-cache"] == "MISS"


async def test_the_time_to_look_and_the_memory_taken_are_told(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    app = create_app(settings(cache="memory"))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        await ask(client)
        await ask(client)
        text = (await client.get("/metrics")).text
    assert total(text, "gateway_cache_seconds_count") == 2
    assert 500 < total(text, "gateway_cache_bytes") < 2000


async def test_a_drawn_picture_and_a_batch_use_the_same_answers(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    await ask(client)
    drawn = await client.post("/predict?format=png", content=JPEG)
    assert (drawn.headers["content-type"], drawn.headers["x-cache"]) == ("image/png", "HIT")
    batch = await client.post("/predict/batch", files=[("files", JPEG), ("files", JPEG), ("files", OTHER)])
    assert batch.json()["succeeded"] == 3
    assert len(fake.predictions) == 2
