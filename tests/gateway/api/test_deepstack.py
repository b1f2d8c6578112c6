"""DeepStack's routes, asked as Frigate, Home Assistant and Blue Iris ask them."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.api.deepstack.schemas import DeepStackResponse
from tests.gateway.conftest import SettingsMaker, running_app
from tests.gateway.peers.environment import HERE, python_with
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, asked_model, torchserve_error
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
DETECTION = "/v1/vision/detection"


def assert_refused(response: httpx.Response, status: int, code: str, says: str) -> None:
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"success", "error", "code", "request_id"}
    assert (body["success"], body["code"]) == (False, code)
    assert says in body["error"]
    assert body["request_id"] == response.headers["x-request-id"]


async def test_the_answer_is_deepstacks_best_first_and_in_whole_pixels(client: httpx.AsyncClient) -> None:
    response = await client.post(DETECTION, files={"image": ("x.jpg", JPEG, "image/jpeg")})
    assert response.status_code == 200
    body = response.json()
    assert body["success"] is True
    assert body["predictions"] == [
        {"confidence": 0.8912, "label": "person", "x_min": 245, "y_min": 184, "x_max": 456, "y_max": 298},
        {"confidence": 0.7404, "label": "bus", "x_min": 10, "y_min": 20, "x_max": 700, "y_max": 760},
    ]
    assert (body["count"], body["message"], body["code"]) == (2, "Found person, bus", 200)
    assert (body["inferenceMs"], body["processMs"]) == (59, 65)
    assert DeepStackResponse.model_validate(body).model_dump(by_alias=True) == body


@pytest.mark.parametrize("path", [DETECTION, "/v1/vision/custom/yolo"])
async def test_frigates_request_is_answered_with_deepstacks_default_confidence(
    client: httpx.AsyncClient, fake: FakeTorchServe, path: str
) -> None:
    # Its plugin sends api_key, empty if none is set, and never a confidence; it reads predictions until one is < 0.4.
    response = await client.post(path, data={"api_key": ""}, files={"image": ("image", JPEG)})
    assert response.status_code == 200
    assert fake.predictions[0].query == {"conf": "0.4"}


async def test_min_confidence_is_taken_and_what_else_clients_send_is_not_minded(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    form = {"min_confidence": "0.75", "api_key": "x", "admin_key": "y", "mode": "high"}
    response = await client.post(DETECTION, data=form, files={"image": JPEG})
    assert response.status_code == 200
    assert fake.predictions[0].query == {"conf": "0.75"}


@pytest.mark.parametrize(("setting", "most"), [({}, 20), ({"deepstack_max_detections": 3}, 3)])
async def test_an_answer_has_no_more_predictions_than_frigate_has_room_for(
    settings: SettingsMaker, fake: FakeTorchServe, setting: dict[str, int], most: int
) -> None:
    boxes = [
        {"xyxy": [0, 0, 9, 9], "conf": 0.9 - number / 100, "cls": number, "name": f"class {number}"}
        for number in range(40)
    ]
    fake.predict = lambda asked: Answer([{**STREET, "boxes": boxes}])
    async with running_app(settings(**setting)) as (_, client):
        body = (await client.post(DETECTION, files={"image": JPEG})).json()
    assert [found["label"] for found in body["predictions"]] == [f"class {number}" for number in range(most)]
    assert body["count"] == most
    assert body["message"].endswith(f"class {most - 1}")


async def test_nothing_found_is_a_success_without_predictions(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "boxes": []}])
    body = (await client.post(DETECTION, files={"image": JPEG})).json()
    assert (body["success"], body["predictions"], body["message"]) == (True, [], "No objects found")


@pytest.mark.parametrize("value", ["high", "1.5", "-0.1", "nan", ["0.5", "0.6"]])
async def test_a_confidence_that_is_none_is_400_as_in_deepstack(
    client: httpx.AsyncClient, value: str | list[str]
) -> None:
    response = await client.post(DETECTION, data={"min_confidence": value}, files={"image": JPEG})
    assert_refused(response, 400, "invalid_parameter", "min_confidence")


@pytest.mark.parametrize("empty", ["", " "])
async def test_a_confidence_that_was_left_empty_is_the_default(
    client: httpx.AsyncClient, fake: FakeTorchServe, empty: str
) -> None:
    assert (await client.post(DETECTION, data={"min_confidence": empty}, files={"image": JPEG})).status_code == 200
    assert fake.predictions[0].query == {"conf": "0.4"}


async def test_every_error_has_deepstacks_body_and_a_status_that_its_clients_know(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    async def post(path: str = DETECTION, **kwargs: Any) -> httpx.Response:
        return await client.post(path, **kwargs)

    assert_refused(await post(data={"a": "b"}, files={"file": JPEG}), 400, "missing_file", "field 'image'")
    assert_refused(await post(content=JPEG), 400, "unsupported_media_type", "field 'image'")
    assert_refused(await post(files={"image": b"no image"}), 400, "unsupported_image", "Not an image")
    assert_refused(await post(files={"image": b""}), 400, "invalid_image", "empty")
    assert_refused(await post(content=bytes(20_971_521)), 400, "unsupported_media_type", "field 'image'")
    big = {"image": bytes(20_971_521)}
    assert_refused(await post(files=big), 413, "body_too_large", "larger")
    other = await post("/v1/vision/custom/other", files={"image": JPEG})
    assert_refused(other, 404, "model_not_found", "'other'")
    assert_refused(await client.get(DETECTION), 405, "method_not_allowed", "method")
    assert_refused(await post("/v1/vision/face", files={"image": JPEG}), 404, "not_found", "nothing")
    fake.predict = lambda asked: torchserve_error(503, "InternalServerException", "x")
    assert_refused(await post(files={"image": JPEG}), 502, "backend_error", "failed")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_list_of_custom_models_is_blue_iriss(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/v1/vision/custom/list")
    assert response.json() == {"success": True, "models": ["yolo"], "request_id": response.headers["x-request-id"]}


@pytest.mark.parametrize("custom_model", ["", "yolo", "helmets"])
def test_home_assistants_own_client_reads_the_predictions(url: str, fake: FakeTorchServe, custom_model: str) -> None:
    fake.others = {"helmets": {"1.0": ["READY"]}}

    def ask(picture: bytes) -> Any:
        address = urlsplit(url)
        script = str(HERE / "deepstack_client.py")
        argv = [str(python_with("deepstack")), script, str(address.hostname), str(address.port), custom_model]
        done = subprocess.run(argv, input=picture, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    found = ask(JPEG)
    assert found["summary"] == {"bus": 1, "person": 1}
    assert found["predictions"][0]["x_max"] - found["predictions"][0]["x_min"] == 211
    assert [asked_model(asked) for asked in fake.predictions] == [custom_model or "yolo"]
    assert "400" in ask(b"no image")["error"]
