"""model=a,b: one upload, an answer of each model in the order asked, and an error of one fails no other."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest

from gateway.api.predict.schemas import BatchResponse, SeveralModelsResponse
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import (
    STREET,
    Answer,
    Asked,
    FakeTorchServe,
    asked_model,
    street,
    torchserve_error,
)
from tests.gateway.support.pictures import picture
from tests.gateway.support.scraping import metric

pytestmark = pytest.mark.anyio

JPEG = picture()


@pytest.fixture
def fake(fake: FakeTorchServe) -> FakeTorchServe:
    fake.others = {"helmets": {"1.0": ["READY"]}, "plates": {"1.0": ["READY"]}}
    return fake


def failing(name: str) -> Any:
    def predict(asked: Asked) -> Answer:
        if asked_model(asked) == name:
            return torchserve_error(503, "InternalServerException", "x")
        return street(asked)

    return predict


async def test_each_model_answers_one_upload_in_the_order_asked(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    encoded = base64.b64encode(JPEG).decode()
    for response in (
        await client.post("/predict?model=plates, yolo,helmets&conf=0.5", content=JPEG),
        await client.post("/predict", files={"file": JPEG}, data={"model": "plates,yolo,helmets", "conf": "0.5"}),
        await client.post("/predict", json={"image": encoded, "model": "plates,yolo,helmets", "conf": 0.5}),
    ):
        assert response.status_code == 200, response.text
        body = response.json()
        SeveralModelsResponse.model_validate(body)
        assert [entry["model"] for entry in body["results"]] == [
            {"name": name, "version": "1.0"} for name in ("plates", "yolo", "helmets")
        ]
        assert {entry["status"] for entry in body["results"]} == {"success"}
        assert {len(entry["detections"]) for entry in body["results"]} == {2}
        assert (body["succeeded"], body["failed"], body["image"]) == (3, 0, {"width": 810, "height": 1080})
        assert body["request_id"] == response.headers["x-request-id"]
        assert "x-model-version" not in response.headers, "it is not one version that answered"
    assert sorted(map(asked_model, fake.predictions)) == sorted(["plates", "yolo", "helmets"] * 3)
    assert all(asked.query == {"conf": "0.5"} and asked.body == JPEG for asked in fake.predictions)


async def test_a_model_that_fails_does_not_fail_the_others(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = failing("helmets")
    response = await client.post("/predict?model=helmets,yolo", content=JPEG)
    assert response.status_code == 200
    body = response.json()
    SeveralModelsResponse.model_validate(body)
    failed, good = body["results"]
    assert (failed["model"], failed["status"]) == ({"name": "helmets", "version": None}, "error")
    assert (failed["error"]["code"], failed["request_id"]) == ("backend_error", body["request_id"])
    assert good["model"]["name"] == "yolo"
    assert (body["succeeded"], body["failed"]) == (1, 1)


async def test_a_model_that_is_not_ready_does_not_fail_the_others(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.others["helmets"] = {"1.0": ["UNLOADING"]}
    async with running_app(settings(ready_grace_s=0)) as (app, client):
        await until(lambda: app.state.services.readiness.state.ready)
        results = (await client.post("/predict?model=helmets,yolo", content=JPEG)).json()["results"]
        assert [entry.get("error", {}).get("code") for entry in results] == ["model_not_ready", None]


async def test_the_models_are_asked_at_the_same_time(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=1)
    async with running_app(settings(batch_concurrency=2)) as (_, client):
        asking = asyncio.create_task(client.post("/predict?model=yolo,helmets,plates", content=JPEG))
        await until(lambda: len(fake.predictions) == 2)
        assert (await asking).json()["succeeded"] == 3


async def test_an_image_that_is_none_fails_the_request(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    assert_error(await client.post("/predict?model=yolo,helmets", content=b"no image"), 415, "unsupported_image")
    assert not fake.predictions


@pytest.mark.parametrize(
    ("query", "status", "code", "says"),
    [
        ("model=yolo,masks", 404, "model_not_found", "'masks'"),
        ("model=yolo,yolo", 422, "invalid_parameter", "named twice"),
        ("model=yolo,", 422, "invalid_parameter", "an empty name"),
        ("model=" + ",".join(f"m{number}" for number in range(9)), 422, "invalid_parameter", "at most 8"),
        ("model=yolo,helmets&version=1.0", 422, "invalid_parameter", "version"),
        ("model=yolo,helmets&then=plates", 422, "invalid_parameter", "then"),
        ("model=yolo,helmets&format=image", 422, "invalid_parameter", "one model"),
    ],
)
async def test_what_does_not_go_with_several_models_is_refused(
    client: httpx.AsyncClient, fake: FakeTorchServe, query: str, status: int, code: str, says: str
) -> None:
    assert_error(await client.post(f"/predict?{query}", content=JPEG), status, code, says)
    if "format" not in query:
        response = await client.post(f"/predict/batch?{query}", files={"files": JPEG})
        assert_error(response, status, code, says)
    assert not fake.predictions


async def test_an_accept_header_for_images_is_refused_too(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?model=yolo,helmets", content=JPEG, headers={"Accept": "image/png"})
    assert_error(response, 422, "invalid_parameter", "format=json")


async def test_every_entry_of_a_batch_has_an_answer_of_each_model(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = failing("helmets")
    files = [("files", ("a.jpg", JPEG)), ("files", ("b.jpg", b"no image"))]
    response = await client.post("/predict/batch?model=yolo,helmets", files=files)
    body = response.json()
    BatchResponse.model_validate(body)
    good, bad = body["results"]
    assert (good["index"], good["file"], good["status"]) == (0, "a.jpg", "success")
    assert [(entry["model"]["name"], entry["status"]) for entry in good["results"]] == [
        ("yolo", "success"),
        ("helmets", "error"),
    ]
    assert (bad["status"], bad["error"]["code"]) == ("error", "unsupported_image")
    assert (body["succeeded"], body["failed"]) == (1, 1)


async def test_each_model_has_its_own_cached_answer_and_counts(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    async with running_app(settings(cache="memory")) as (_, client):
        await client.post("/predict?model=helmets", content=JPEG)
        again = await client.post("/predict?model=yolo,helmets", content=JPEG)
        assert "x-cache" not in again.headers, "one was known, the other not"
        assert (await client.post("/predict?model=yolo,helmets", content=JPEG)).headers["x-cache"] == "HIT"
        assert await metric(client, "gateway_version_requests_total", model="helmets", outcome="ok") == 3
    assert [asked_model(asked) for asked in fake.predictions] == ["helmets", "yolo"]


async def test_what_a_task_adds_stays_with_its_model(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "probs": [], "model": {"name": asked_model(asked)}}])
    for entry in (await client.post("/predict?model=helmets,yolo", content=JPEG)).json()["results"]:
        assert entry["probs"] == []
