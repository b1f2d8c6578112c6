"""BACKEND=oip in front of servers that are not ours: MLServer and KServe, and of this gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from tests.gateway.conftest import assert_error, ready_now, running_app
from tests.gateway.peers import servers
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, torchserve_error
from tests.gateway.support.gateway_process import gateway_process
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG, PNG = picture("JPEG"), picture("PNG")
PERSON = {"confidence": 0.8912, "class": "person", "bbox": [245.31, 184.2, 456.8, 298.1], "class_id": 0}
BUS = {"confidence": 0.7404, "class": "bus", "bbox": [10.0, 20.5, 700.25, 760.0], "class_id": 5}
COCO = "person,bicycle,car,motorcycle,airplane,bus"


def served_by(url: str, **changed: Any) -> Settings:
    return Settings(backend="oip", oip_url=url, allowed_hosts="gateway", **changed)


def version_of(answer: httpx.Response) -> str | None:
    version: str | None = answer.json()["model"]["version"]
    return version


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.mlserver(tmp_path_factory.mktemp("mlserver")) as url:
        yield url


@pytest.fixture(scope="module")
def kserve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.kserve(tmp_path_factory.mktemp("kserve")) as url:
        yield url


@pytest.fixture
async def before_mlserver(mlserver: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(served_by(mlserver)) as (_, client):
        yield client


@pytest.fixture
async def before_kserve(kserve: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(served_by(kserve, oip_class_names=COCO)) as (_, client):
        yield client


async def test_mlservers_boxes_come_out_of_predict(before_mlserver: httpx.AsyncClient) -> None:
    response = await before_mlserver.post("/predict", files={"file": JPEG})
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["detections"] == [PERSON, BUS]
    assert body["model"] == {"name": "yolo", "version": "1"}
    assert body["image"] == {"width": 64, "height": 48}


async def test_what_mlserver_does_not_know_of_parameters_is_held_to_all_the_same(
    before_mlserver: httpx.AsyncClient,
) -> None:
    async def found(query: str) -> list[str]:
        return [
            one["class"] for one in (await before_mlserver.post(f"/predict?{query}", content=JPEG)).json()["detections"]
        ]

    assert await found("conf=0.8") == ["person"]
    assert await found("classes=bus") == await found("classes=5") == ["bus"]
    assert await found("max_det=1") == ["person"]
    assert await found("imgsz=320") == ["person"]  # this one the model itself was given


async def test_mlserver_is_ready_and_describes_itself(before_mlserver: httpx.AsyncClient) -> None:
    await before_mlserver.post("/predict", content=JPEG)
    ready = (await ready_now(before_mlserver)).json()
    assert (ready["status"], ready["backend"], ready["model"]) == ("ready", "oip", {"name": "yolo", "version": "1"})
    ((version,),) = [model["versions"] for model in (await before_mlserver.get("/models")).json()["models"]]
    assert version["default"] is True
    assert version["workers"][0]["state"] == "READY"


async def test_a_version_of_mlservers_can_be_named(before_mlserver: httpx.AsyncClient) -> None:
    infer = "/v2/models/yolo/versions/{}/infer"
    headers = {"Inference-Header-Content-Length": "0"}
    assert (await before_mlserver.post(infer.format(1), content=JPEG, headers=headers)).status_code == 200
    missing = await before_mlserver.post(infer.format(9), content=JPEG, headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "version_not_found")


@pytest.mark.parametrize("name", ["mlserver", "kserve"])
async def test_a_picture_that_the_server_refuses_is_400_and_its_text_stays_in_the_log(
    name: str, request: pytest.FixtureRequest
) -> None:
    # A PNG is none to the test's model in KServe; MLServer's looks for a word.
    damaged = PNG if name == "kserve" else JPEG + b"damaged"
    async with running_app(served_by(request.getfixturevalue(name))) as (_, client):
        assert "secret" not in assert_error(await client.post("/predict", content=damaged), 400, "invalid_image", "log")
        assert (await client.post("/predict", content=JPEG)).status_code == 200


@pytest.mark.parametrize("name", ["mlserver", "kserve"])
async def test_a_model_that_the_server_does_not_have_is_not_ready(name: str, request: pytest.FixtureRequest) -> None:
    async with running_app(served_by(request.getfixturevalue(name), model_name="other")) as (_, client):
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", "no model 'other'")
        assert_error(await client.post("/predict", content=JPEG), 503, "model_not_ready", "no model 'other'")


async def test_kserves_padded_rows_become_named_detections(before_kserve: httpx.AsyncClient) -> None:
    body = (await before_kserve.post("/predict", content=JPEG)).json()
    assert body["detections"] == [PERSON, BUS]
    assert body["model"] == {"name": "yolo", "version": None}


async def test_kserve_has_no_versions(before_kserve: httpx.AsyncClient) -> None:
    ((version,),) = [model["versions"] for model in (await before_kserve.get("/models")).json()["models"]]
    assert (version["version"], version["default"]) == ("unversioned", True)
    response = await before_kserve.post(
        "/v2/models/yolo/versions/1/infer", content=JPEG, headers={"Inference-Header-Content-Length": "0"}
    )
    assert (response.status_code, response.json()["code"]) == (404, "version_not_found")


@pytest.fixture(scope="module")
def gateway(_running: tuple[FakeTorchServe, str]) -> Iterator[str]:
    _, torchserve = _running
    urls = {"TORCHSERVE_INFERENCE_URL": torchserve, "TORCHSERVE_MANAGEMENT_URL": torchserve}
    with gateway_process(READY_GRACE_S="3600", **urls) as url:
        yield url


async def test_a_gateway_before_a_gateway_answers_as_the_one_behind_does(fake: FakeTorchServe, gateway: str) -> None:
    with_mask = {**STREET, "boxes": [{**STREET["boxes"][0], "mask": [[0, 1]]}], "task": "segment", "probs": [1]}
    fake.predict = lambda asked: Answer([with_mask])
    async with running_app(served_by(gateway)) as (_, client):
        await client.get("/health/ready")  # and with it the one behind, which asks the fake anew
        body = (await client.post("/predict?conf=0.3", content=JPEG, headers={"X-Request-ID": "both"})).json()
        async with httpx.AsyncClient(trust_env=False) as behind:
            direct = (await behind.post(f"{gateway}/predict?conf=0.3", content=JPEG)).json()
        assert (await client.get("/health/ready")).json()["model"]["version"] == "1.0"
    assert body["detections"][0]["mask"] == [[0, 1]]
    assert fake.predictions[0].query == {"conf": "0.3"}
    assert fake.predictions[0].headers["x-request-id"] == "both"
    for answer in (body, direct):
        del answer["timings_ms"], answer["request_id"]
    assert body == direct


@pytest.mark.parametrize(
    ("answer", "status", "code", "says"),
    [
        (torchserve_error(400, "InvalidImage", "It is cut short."), 400, "invalid_image", "It is cut short."),
        (torchserve_error(400, "InvalidParameter", "imgsz: no."), 422, "invalid_parameter", "imgsz: no."),
        (torchserve_error(500, "Exception", "x"), 502, "backend_error", "failed"),
        (torchserve_error(503, "ServiceUnavailableException", "full"), 503, "overloaded", "at capacity"),
    ],
)
async def test_a_gateway_before_a_gateway_passes_errors_on(
    fake: FakeTorchServe, gateway: str, answer: Answer, status: int, code: str, says: str
) -> None:
    fake.predict = lambda asked: answer
    async with running_app(served_by(gateway)) as (_, client):
        await client.get("/health/ready")
        assert_error(await client.post("/predict", content=JPEG), status, code, says)
