"""What every answer with detections says of itself in headers, whatever its route; and what browsers may read of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gateway.api.answer_headers import answer_headers
from gateway.api.openapi.images import PIXEL
from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer as Found
from tests.gateway.conftest import SettingsMaker, running_app
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
SITE = "https://shop.example"
Ask = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def infer(**more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [PIXEL]}], **more}


#: One way to ask each route that answers with detections.
ROUTES: dict[str, Ask] = {
    "predict": lambda client: client.post("/predict", content=JPEG),
    "picture": lambda client: client.post("/predict?format=png", content=JPEG),
    "batch": lambda client: client.post("/predict/batch", files=[("files", JPEG)]),
    "oip": lambda client: client.post("/v2/models/yolo/infer", json=infer()),
    "oip binary": lambda client: client.post(
        "/v2/models/yolo/infer", json=infer(parameters={"binary_data_output": True})
    ),
    "deepstack": lambda client: client.post("/v1/vision/detection", files={"image": JPEG}),
}


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_says_which_version_answered_and_whether_it_was_remembered(
    settings: SettingsMaker, route: str
) -> None:
    async with running_app(settings(cache="memory")) as (_, client):
        first, second = [await ROUTES[route](client) for _ in range(2)]
    for response, cache in ((first, "MISS"), (second, "HIT")):
        assert response.status_code == 200, response.text
        assert response.headers["x-model-version"] == "1.0"
        assert response.headers["x-cache"] == cache
    assert "age" not in first.headers
    assert second.headers["age"] == "0"


@pytest.mark.parametrize("route", ROUTES)
async def test_without_a_cache_nothing_is_said_of_one(client: httpx.AsyncClient, route: str) -> None:
    assert not {"x-cache", "age"} & set((await ROUTES[route](client)).headers)


async def test_a_batch_of_several_versions_says_so_in_its_entries_alone(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    other = picture("PNG")

    def by_picture(asked: Asked) -> Answer:
        version = "1.1" if asked.body == other else "1.0"
        return Answer([{**STREET, "model": {"name": "yolo", "version": version}}])

    fake.predict = by_picture
    mixed = await client.post("/predict/batch", files=[("files", JPEG), ("files", other)])
    assert "x-model-version" not in mixed.headers
    assert [entry["model"]["version"] for entry in mixed.json()["results"]] == ["1.0", "1.1"]
    half = await client.post("/predict/batch", files=[("files", b"no picture"), ("files", other)])
    assert half.headers["x-model-version"] == "1.1"  # of all that was answered
    none = await client.post("/predict/batch", files=[("files", b"no picture")])
    assert "x-model-version" not in none.headers
    lines = await client.post("/predict/batch?format=ndjson", files=[("files", JPEG)])
    assert "x-model-version" not in lines.headers  # they left before the first picture was looked at
    assert json.loads(lines.text)["model"]["version"] == "1.0"


async def test_an_inference_of_several_versions_names_none_as_its_own(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    versions = iter(["1.0", "1.1", "1.1", "1.1"])
    fake.predict = lambda asked: Answer([{**STREET, "model": {"name": "yolo", "version": next(versions)}}])
    two = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2], "data": [PIXEL, PIXEL]}]}
    mixed, alike = [await client.post("/v2/models/yolo/infer", json=two) for _ in range(2)]
    assert "x-model-version" not in mixed.headers
    assert "model_version" not in mixed.json()
    assert {json.loads(one)["model"]["version"] for one in mixed.json()["outputs"][0]["data"]} == {"1.0", "1.1"}
    assert alike.headers["x-model-version"] == alike.json()["model_version"] == "1.1"


def test_of_several_answers_only_what_holds_for_all_is_said() -> None:
    def found(version: str, *cache: Any) -> Found:
        return Found(Prediction([], None, "yolo", version, None, {}, {}), *cache)

    assert answer_headers() == {}
    assert answer_headers(found("1", "hit", 3.5), found("1", "hit", 70.2)) == {
        "X-Model-Version": "1",
        "X-Cache": "HIT",
        "Age": "70",
    }
    assert answer_headers(found("1", "hit", 3.5), found("2", "hit", 0.0)) == {"X-Cache": "HIT", "Age": "3"}
    assert answer_headers(found("1", "hit", 3.5), found("1", "miss")) == {"X-Model-Version": "1"}


#: What pages may read or send without being named: https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
SAFE = {"cache-control", "content-length", "content-type", "last-modified"}
#: For the browser itself, not for pages; and what belongs to the connection.
BROWSERS = {
    "access-control-allow-origin",
    "access-control-expose-headers",
    "content-security-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
    "vary",
    "x-content-type-options",
    "x-frame-options",
}


async def test_pages_of_named_sites_may_send_and_read_every_header_there_is(settings: SettingsMaker) -> None:
    async with running_app(settings(cors_origins=SITE, cache="memory", rate_limit="1000/minute")) as (_, client):
        document = (await client.get("/openapi.json")).json()
        client.headers["Origin"] = SITE
        answers = [await ask(client) for ask in ROUTES.values() for _ in range(2)]
        wanted = {"Access-Control-Request-Method": "POST"}
        preflight = await client.options("/predict", headers=wanted)
    readable = {name.strip().lower() for name in answers[0].headers["access-control-expose-headers"].split(",")}
    assert {name for answer in answers for name in answer.headers} - SAFE - BROWSERS <= readable
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    told = {name for operation in operations for name in operation["responses"]["200"].get("headers", ())}
    assert {name.lower() for name in told} <= readable
    sendable = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
    parameters = [parameter for operation in operations for parameter in operation.get("parameters", ())]
    headers = {parameter["name"].lower() for parameter in parameters if parameter["in"] == "header"}
    assert {"inference-header-content-length", "x-model-version", "cache-control"} <= headers <= sendable


async def test_every_answer_with_detections_documents_its_headers(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/predict", "/predict/batch", "/v1/vision/detection", "/v1/vision/custom/{name}"):
        assert {"X-Model-Version", "X-Cache", "Age"} <= set(paths[path]["post"]["responses"]["200"]["headers"]), path
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        named = set(paths[path]["post"]["responses"]["200"]["headers"])
        assert {"X-Model-Version", "X-Cache", "Age", "Inference-Header-Content-Length"} <= named, path
