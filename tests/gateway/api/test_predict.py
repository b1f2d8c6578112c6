"""POST /predict with good images: what is sent on and what is answered."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.gateway.conftest import SettingsMaker, running_app
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


async def test_a_form_upload_gets_the_detections_in_the_gateways_own_shape(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", files={"file": ("street.jpg", JPEG, "image/jpeg")})

    assert response.status_code == 200
    body = response.json()
    timings = body.pop("timings_ms")
    assert body == {
        "status": "success",
        "detections": [
            {"confidence": 0.8912, "class": "person", "bbox": [245.31, 184.2, 456.8, 298.1], "class_id": 0},
            {"confidence": 0.7404, "class": "bus", "bbox": [10.0, 20.5, 700.25, 760.0], "class_id": 5},
        ],
        "image": {"width": 810, "height": 1080},
        "model": {"name": "yolo", "version": "1.0"},
        "task": "detect",
        "request_id": response.headers["x-request-id"],
    }
    assert timings.pop("total") > 0
    assert timings == {"decode": 5.31, "letterbox": 0.3, "infer": 59.02, "nms": 0.5, "model_server": 65.2}


async def test_the_first_two_keys_are_status_and_detections(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", files={"file": JPEG})
    assert response.text.startswith('{"status":"success","detections":[{"confidence":0.8912,"class":"person","bbox":')


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png; charset=binary", "application/octet-stream", None])
async def test_a_raw_body_is_taken_as_the_picture(
    client: httpx.AsyncClient, fake: FakeTorchServe, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await client.post("/predict", content=JPEG, headers=headers)
    assert response.status_code == 200
    assert fake.predictions[0].body == JPEG


async def test_the_bytes_are_sent_on_untouched_and_as_no_form(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    big = JPEG + bytes(3_000_000)  # larger than what Starlette would spool to disk
    await client.post("/predict", files={"file": ("x.jpg", big, "image/jpeg")}, data={"conf": "0.4"})
    (asked,) = fake.predictions
    assert asked.body == big
    assert asked.headers["content-type"] == "application/octet-stream"
    assert asked.query == {"conf": "0.4"}


async def test_no_detections_are_an_empty_list(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "boxes": []}])
    response = await client.post("/predict", content=JPEG)
    assert response.status_code == 200
    assert response.json()["detections"] == []
    assert response.json()["status"] == "success"


async def test_an_answer_with_boxes_only_is_enough(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([{"boxes": []}])
    sideways = picture("JPEG", size=(60, 40), exif_orientation=6)
    body = (await client.post("/predict", content=sideways)).json()
    assert body["image"] == {"width": 40, "height": 60}  # upright, from the header
    assert body["model"] == {"name": "yolo", "version": None}
    assert body["task"] is None
    assert list(body["timings_ms"]) == ["total"]


async def test_what_a_model_server_adds_is_passed_on_and_replaces_nothing(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    """What the handler's own tasks add is in test_tasks.py; this is another server's."""
    box: dict[str, Any] = {**STREET["boxes"][0], "track": 7}
    entry = {**STREET, "boxes": [box], "scene": {"night": 0.9}, "status": "hijacked", "request_id": "hijacked"}
    fake.predict = lambda asked: Answer([entry])
    response = await client.post("/predict", content=JPEG)
    body = response.json()
    assert body["detections"][0]["track"] == 7
    assert body["scene"] == {"night": 0.9}
    assert body["status"] == "success"
    assert body["request_id"] == response.headers["x-request-id"]


async def test_class_names_in_any_script_arrive_as_they_are(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer(
        [{"boxes": [{"xyxy": [0, 0, 1, 1], "conf": 1, "cls": 3, "name": "vélo 自転車"}]}]
    )
    (found,) = (await client.post("/predict", content=JPEG)).json()["detections"]
    assert found == {"confidence": 1.0, "class": "vélo 自転車", "bbox": [0.0, 0.0, 1.0, 1.0], "class_id": 3}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM"])
async def test_every_format_that_is_read_is_sent_on(client: httpx.AsyncClient, fake: FakeTorchServe, kind: str) -> None:
    data = picture(kind)
    assert (await client.post("/predict", files={"file": data})).status_code == 200
    assert fake.predictions[0].body == data


async def test_the_model_name_is_a_setting(settings: SettingsMaker) -> None:
    async with running_app(settings(model_name="other")) as (_, client):
        response = await client.post("/predict", content=JPEG)
    assert response.status_code == 503
    assert "'other'" in response.json()["error"]["message"]
