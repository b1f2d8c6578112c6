"""A request that names its version gets that one or 404, and every answer says which version made it."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from gateway.api.ask import client_key
from gateway.http.caller import IDENTITY
from tests.gateway.conftest import assert_error
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import asked_version, by_version

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


@pytest.fixture(autouse=True)
def _two_versions(fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}
    fake.predict = by_version()


@pytest.mark.parametrize(
    "named",
    [
        {"params": {"version": "1.1"}},
        {"headers": {"X-Model-Version": "1.1"}},
        {"params": {"version": "1.1"}, "headers": {"X-Model-Version": "1.0"}},
        {"data": {"version": "1.1"}},
        {"params": [("version", "1.1"), ("version", "1.1")]},
    ],
    ids=["query", "header", "query over header", "form field", "twice the same"],
)
async def test_a_request_names_its_version(
    client: httpx.AsyncClient, fake: FakeTorchServe, named: dict[str, Any]
) -> None:
    response = await client.post("/predict", files={"file": JPEG}, **named)
    assert response.status_code == 200
    assert response.json()["model"]["version"] == "1.1"
    assert response.headers["x-model-version"] == "1.1"
    assert [asked_version(asked) for asked in fake.predictions] == ["1.1"]
    assert fake.predictions[0].query == {}


async def test_json_names_a_version_with_a_key_and_an_annotated_picture_says_it_too(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    image = base64.b64encode(JPEG).decode()
    for wanted in ({}, {"format": "png"}):
        response = await client.post("/predict", json={"image": image, "version": "1.1", **wanted})
        assert response.status_code == 200, response.text
        assert response.headers["x-model-version"] == "1.1"
    assert [asked_version(asked) for asked in fake.predictions] == ["1.1", "1.1"]


async def test_a_batch_names_its_version_and_each_entry_says_it(client: httpx.AsyncClient) -> None:
    files = [("files", JPEG), ("files", JPEG)]
    entries = (await client.post("/predict/batch?version=1.1", files=files)).json()["results"]
    assert [entry["model"]["version"] for entry in entries] == ["1.1", "1.1"]
    entries = (await client.post("/predict/batch?version=9.9", files=files)).json()["results"]
    assert [entry["error"]["code"] for entry in entries] == ["version_not_found", "version_not_found"]


async def test_who_names_none_gets_the_default_and_is_told_which(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    response = await client.post("/predict", content=JPEG)
    assert response.headers["x-model-version"] == response.json()["model"]["version"] == "1.0"
    assert [asked_version(asked) for asked in fake.predictions] == [None]


async def test_a_version_that_is_not_loaded_is_404(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?version=9.9", content=JPEG)
    assert_error(response, 404, "version_not_found", "GET /models")
    assert "x-model-version" not in response.headers


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"params": [("version", "1.0"), ("version", "1.1")]}, "'1.0' and '1.1'"),
        ({"params": {"version": "1.0"}, "data": {"version": "1.1"}}, "'1.0' and '1.1'"),
        ({"headers": [("X-Model-Version", "1.0"), ("X-Model-Version", "1.1")]}, "'1.0' and '1.1'"),
        ({"params": {"version": "../../models"}}, "not the form of a version"),
        ({"params": {"version": "1..0"}}, "not the form of a version"),
        ({"params": {"version": "1.0\n"}}, "not the form of a version"),
        ({"params": {"version": "x" * 65}}, "not the form of a version"),
        ({"headers": {"X-Model-Version": "1 0"}}, "'X-Model-Version': not the form"),
        (
            {"params": {"version": "1.0"}, "headers": {"X-Model-Version": "1 0"}},
            "'X-Model-Version': not the form",
        ),
    ],
)
async def test_a_contradiction_or_what_cannot_be_a_version_is_422_and_asks_nobody(
    client: httpx.AsyncClient, fake: FakeTorchServe, named: dict[str, Any], says: str
) -> None:
    response = await client.post("/predict", files={"file": JPEG}, **named)
    assert_error(response, 422, "invalid_parameter", says)
    assert fake.predictions == []


async def test_a_handler_that_names_no_version_is_believed_to_be_the_one_asked(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([{"boxes": STREET["boxes"]}])
    response = await client.post("/predict?version=1.1", content=JPEG)
    assert response.headers["x-model-version"] == response.json()["model"]["version"] == "1.1"
    assert "x-model-version" not in (await client.post("/predict", content=JPEG)).headers


async def test_a_version_that_fits_no_header_is_left_to_the_body(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "model": {"name": "yolo", "version": "vélo\r\nX: y"}}])
    response = await client.post("/predict", content=JPEG)
    assert response.status_code == 200
    assert "x-model-version" not in response.headers
    assert response.json()["model"]["version"] == "vélo\r\nX: y"


async def test_what_clients_invent_becomes_no_row_and_no_label(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    await client.post("/predict?version=9.9", content=JPEG)
    fake.predict = lambda asked: Answer(b"", 500)
    fake.workers["7.7"] = ["READY"]
    await client.post("/predict?version=7.7", content=JPEG)
    models, metrics = await client.get("/models"), await client.get("/metrics")
    assert models.json()["traffic"] == []
    assert "9.9" not in metrics.text
    # A version that is loaded has workers and a queue; it has no more than that while it has answered nothing.
    of_the_server = ("gateway_model_worker", "gateway_model_queue")
    counted = [line for line in metrics.text.splitlines() if not line.startswith(of_the_server)]
    assert "7.7" not in "\n".join(counted)


@pytest.mark.parametrize(
    ("headers", "scope", "key"),
    [
        ([(b"x-client-key", b"camera-12")], {}, "camera-12"),
        ([(b"x-client-key", b"camera-12")], {IDENTITY: "gate"}, "camera-12"),
        ([], {IDENTITY: "gate"}, "gate"),
        ([(b"x-client-key", b"")], {}, None),
        ([], {}, None),
    ],
)
def test_the_client_is_known_by_its_own_key_or_by_that_of_its_authentication(
    headers: list[tuple[bytes, bytes]], scope: dict[str, str], key: str | None
) -> None:
    assert client_key(Request({"type": "http", "headers": headers, **scope})) == key


async def test_clients_of_other_protocols_name_a_version_and_are_told_which_one_answered(
    client: httpx.AsyncClient,
) -> None:
    raw, named = {"Inference-Header-Content-Length": "0"}, {"X-Model-Version": "1.1"}
    for path, headers in (
        ("/infer", {**raw, **named}),
        ("/versions/1.1/infer", raw),
        ("/versions/1.1/infer", {**raw, **named}),
    ):
        response = await client.post(f"/v2/models/yolo{path}", content=JPEG, headers=headers)
        assert (response.status_code, response.headers["x-model-version"]) == (200, "1.1")
    contradicting = await client.post("/v2/models/yolo/versions/1.0/infer", content=JPEG, headers={**raw, **named})
    assert (contradicting.status_code, contradicting.json()["code"]) == (422, "invalid_parameter")
    response = await client.post("/v1/vision/detection", files={"image": JPEG}, headers=named)
    assert (response.status_code, response.headers["x-model-version"]) == (200, "1.1")


@pytest.mark.parametrize("named", [{"params": {"version": ""}}, {"headers": {"X-Model-Version": ""}}])
async def test_an_empty_version_is_an_absent_one(client: httpx.AsyncClient, named: dict[str, Any]) -> None:
    response = await client.post("/predict", files={"file": JPEG}, **named)
    assert (response.status_code, response.headers["x-model-version"]) == (200, "1.0"), response.text
