"""POST /predict/batch: an outcome for each image, in order or as they are finished."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from typing import Any

import httpx
import pytest

from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.main import create_app
from gateway.model_server.base import Model, Readiness
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe, serving, torchserve_error
from tests.gateway.support.pictures import picture
from tests.gateway.support.sockets import connect
from tests.support import huge_png

pytestmark = pytest.mark.anyio

SIZES = [(64, 48), (80, 60), (96, 72), (112, 84), (128, 96), (144, 108)]
JPEGS = [picture("JPEG", size) for size in SIZES]


def form(*pictures: bytes, field: str = "files") -> list[tuple[str, tuple[str, bytes, str]]]:
    return [(field, (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(pictures)]


def by_size(asked: Asked) -> Answer:
    """Answer with the picture's own place as the class, so that a mix-up shows."""
    number = JPEGS.index(asked.body)
    return Answer([{"boxes": [{"xyxy": [0, 0, 9, 9], "conf": 0.5, "cls": number, "name": str(number)}]}])


async def test_many_files_are_answered_in_order_each_with_its_name(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = by_size
    response = await client.post("/predict/batch", files=form(*JPEGS))
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["status", "results", "succeeded", "failed", "timings_ms", "request_id"]
    assert (body["status"], body["succeeded"], body["failed"]) == ("success", 6, 0)
    for number, entry in enumerate(body["results"]):
        assert (entry["index"], entry["file"], entry["status"]) == (number, f"{number}.jpg", "success")
        assert [found["class_id"] for found in entry["detections"]] == [number]
        assert entry["image"] == {"width": SIZES[number][0], "height": SIZES[number][1]}
        assert entry["request_id"] == response.headers["x-request-id"]


async def test_the_order_is_the_requests_even_where_the_first_is_the_last_to_be_finished(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    def slow_first(asked: Asked) -> Answer:
        return Answer(by_size(asked).body, delay_s=0.5 if asked.body == JPEGS[0] else 0.0)

    fake.predict = slow_first
    body = (await client.post("/predict/batch", files=form(*JPEGS))).json()
    assert [entry["detections"][0]["class_id"] for entry in body["results"]] == list(range(6))


async def test_each_picture_has_its_own_error_and_the_others_their_boxes(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    def cut(asked: Asked) -> Answer:
        return (
            torchserve_error(400, "InvalidImage", "it ends too early") if asked.body == JPEGS[1] else Answer([STREET])
        )

    fake.predict = cut
    sent = [JPEGS[0], b"", b"text", JPEGS[1], huge_png(), JPEGS[2][:40], JPEGS[2]]
    response = await client.post("/predict/batch", files=form(*sent))
    assert response.status_code == 200
    body = response.json()
    assert [entry.get("error", {}).get("code") for entry in body["results"]] == [
        None,
        "invalid_image",
        "unsupported_image",
        "invalid_image",
        "image_too_large",
        "invalid_image",
        None,
    ]
    assert (body["succeeded"], body["failed"]) == (2, 5)
    failed = body["results"][3]
    assert failed == {
        "index": 3,
        "file": "3.jpg",
        "status": "error",
        "error": {"code": "invalid_image", "message": "it ends too early"},
        "request_id": response.headers["x-request-id"],
    }


async def test_no_more_than_the_bound_are_with_the_model_server_at_once(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    lock, now, most = threading.Lock(), 0, 0

    class Counting:
        """A backend that counts how many predictions run at once."""

        name = "counting"

        async def predict(
            self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
        ) -> Prediction:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1
            return Prediction([], None, "yolo", None, None)

        async def ready(self) -> Readiness:
            return Readiness(True)

        async def models(self) -> list[Model]:
            return []

        async def aclose(self) -> None:
            return None

    async with running_app(settings(batch_concurrency=3), Counting()) as (_, client):
        body = (await client.post("/predict/batch", files=form(*JPEGS, *JPEGS))).json()
    assert body["succeeded"] == 12
    assert most == 3


async def test_the_field_may_be_file_too_and_parameters_hold_for_all(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    files = [*form(JPEGS[0], field="file"), *form(JPEGS[1]), *form(JPEGS[2], field="file")]
    response = await client.post("/predict/batch?iou=0.5", files=files, data={"conf": "0.4"})
    assert response.json()["succeeded"] == 3
    assert [asked.query for asked in fake.predictions] == [{"iou": "0.5", "conf": "0.4"}] * 3


async def test_json_takes_base64_and_objects_with_names(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = by_size
    texts = [base64.b64encode(data).decode() for data in JPEGS]
    images = [
        texts[0],
        {"image": f"data:image/jpeg;base64,{texts[1]}", "name": "second"},
        {"url": "https://example.com/a.jpg", "name": "third"},
        "not base64",
        {"image": texts[4], "name": "\ud800"},
    ]
    content = json.dumps({"images": images, "conf": 0.3})
    response = await client.post("/predict/batch", content=content, headers={"Content-Type": "application/json"})
    results = response.json()["results"]
    assert [entry["file"] for entry in results] == ["", "second", "third", "", "?"]
    codes = [entry.get("error", {}).get("code") for entry in results]
    assert codes == [None, None, "url_not_allowed", "invalid_base64", None]
    assert results[4]["detections"][0]["class_id"] == 4
    assert {asked.query["conf"] for asked in fake.predictions} == {"0.3"}


async def read_lines(client: httpx.AsyncClient, **request: Any) -> list[dict[str, Any]]:
    async with client.stream("POST", "/predict/batch", timeout=30, **request) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/x-ndjson"
        assert "content-length" not in response.headers
        return [json.loads(line) async for line in response.aiter_lines()]


@pytest.mark.parametrize("asked_by", [{"headers": {"Accept": "application/x-ndjson"}}, {"data": {"format": "ndjson"}}])
async def test_lines_come_as_pictures_are_finished_each_with_its_index(
    client: httpx.AsyncClient, fake: FakeTorchServe, asked_by: dict[str, Any]
) -> None:
    fake.predict = lambda asked: Answer(by_size(asked).body, delay_s=0.5 if asked.body == JPEGS[0] else 0.0)
    lines = await read_lines(client, files=[*form(*JPEGS), ("files", ("bad.txt", b"text", "text/plain"))], **asked_by)
    assert lines[-1]["index"] == 0
    assert sorted(line["index"] for line in lines) == list(range(7))
    for line in lines:
        if line["index"] == 6:
            assert (line["file"], line["error"]["code"]) == ("bad.txt", "unsupported_image")
        else:
            assert line["detections"][0]["class_id"] == line["index"]


async def test_over_a_real_socket_a_line_is_there_while_the_others_are_still_at_work(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer(by_size(asked).body, delay_s=8 if asked.body == JPEGS[1] else 0.0)
    with serving(create_app(settings()), lifespan="on") as url:
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
            client.stream("POST", "/predict/batch?format=ndjson", files=form(*JPEGS[:2])) as response,
        ):
            lines = response.aiter_lines()  # kept: when it goes, the response is closed
            first = await anext(lines)
            assert json.loads(first)["index"] == 0
            await until(lambda: len(fake.predictions) == 2)
        await until(lambda: fake.abandoned == 1)


@pytest.mark.parametrize("query", ["", "?format=ndjson"])
async def test_a_client_that_leaves_cancels_what_is_left(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=8)
    caplog.set_level("INFO", "gateway.access")
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + JPEGS[0] + b"\r\n"
        for _ in range(12)
    )
    head = (
        f"POST /predict/batch{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(body) + 5}\r\n\r\n"
    )
    with serving(create_app(settings(batch_concurrency=2)), lifespan="on") as url:
        with connect(url) as client:
            client.sendall(head.encode() + body + b"--b--")
            await until(lambda: len(fake.predictions) == 2)
        await until(lambda: fake.abandoned == 2)
        await until(lambda: any(getattr(record, "error", None) == "client_closed" for record in caplog.records))
    assert len(fake.predictions) == 2


@pytest.mark.parametrize(
    ("request_", "status", "code", "says"),
    [
        ({"files": form(JPEGS[0], field="picture")}, 422, "missing_file", "'files'"),
        ({"files": [*form(JPEGS[0]), *form(JPEGS[1], field="other")]}, 422, "missing_file", "'other'"),
        ({"files": form(*JPEGS, *JPEGS)}, 422, "too_many_files", "10"),
        ({"files": form(JPEGS[0]), "params": {"conf": "2"}}, 422, "invalid_parameter", "'conf'"),
        ({"files": form(JPEGS[0]), "params": {"format": "png"}}, 422, "invalid_parameter", "ndjson"),
        ({"files": form(JPEGS[0]), "headers": {"Accept": "image/png"}}, 406, "not_acceptable", "x-ndjson"),
        ({"content": JPEGS[0], "headers": {"Content-Type": "image/jpeg"}}, 415, "unsupported_media_type", "'files'"),
        ({"json": {}}, 422, "missing_file", '"images"'),
        ({"json": {"images": []}}, 422, "missing_file", "empty"),
        ({"json": {"images": "x"}}, 422, "missing_file", '"images"'),
        ({"json": {"images": [""] * 11}}, 422, "too_many_files", "at most 10"),
        ({"json": {"images": [5]}}, 400, "invalid_json", "images[0]"),
        ({"json": {"images": ["", {}]}}, 422, "missing_file", "images[1]"),
        ({"json": {"images": [{"image": "", "conf": 1}]}}, 400, "invalid_json", "'conf'"),
        ({"json": {"images": [{"image": "", "name": 5}]}}, 400, "invalid_json", "'name'"),
        ({"json": {"images": [{"image": "", "url": ""}]}}, 400, "invalid_json", "one of them"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "invalid_form", ""),
    ],
)
async def test_what_is_wrong_with_the_request_itself_is_its_error(
    settings: SettingsMaker, fake: FakeTorchServe, request_: dict[str, Any], status: int, code: str, says: str
) -> None:
    async with running_app(settings(max_batch_files=10)) as (_, client):
        assert_error(await client.post("/predict/batch", **request_), status, code, says)
    assert fake.predictions == []


async def test_the_body_is_bounded_as_a_whole_and_each_picture_by_its_own_limit(settings: SettingsMaker) -> None:
    async with running_app(settings(max_batch_bytes=20_000, max_body_bytes=8000)) as (_, client):
        body = (await client.post("/predict/batch", files=form(JPEGS[0], JPEGS[0].ljust(8001, b"\0")))).json()
        assert [entry.get("error", {}).get("code") for entry in body["results"]] == [None, "body_too_large"]
        response = await client.post("/predict/batch", files=form(*[JPEGS[0].ljust(7900, b"\0")] * 3))
        assert_error(response, 413, "body_too_large", "20000")
        images = [base64.b64encode(JPEGS[0].ljust(7900, b"\0")).decode()] * 10
        assert_error(await client.post("/predict/batch", json={"images": images}), 413, "body_too_large")


async def test_a_model_server_that_fails_on_one_picture_fails_that_one(
    client: httpx.AsyncClient, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(asked: Asked) -> Answer:
        return Answer(b"no json") if asked.body == JPEGS[1] else Answer([STREET])

    fake.predict = broken
    body = (await client.post("/predict/batch", files=form(*JPEGS[:3]))).json()
    assert [entry.get("error", {}).get("code") for entry in body["results"]] == [None, "backend_error", None]
    assert any("the model server failed" in record.message for record in caplog.records)


async def test_a_bug_is_one_pictures_internal_error_and_is_logged(
    settings: SettingsMaker, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.gateway.http.test_errors import BrokenBackend

    async with running_app(settings(), BrokenBackend()) as (_, client):
        response = await client.post("/predict/batch", files=form(*JPEGS[:2]))
    assert [entry["error"]["code"] for entry in response.json()["results"]] == ["internal_error"] * 2
    assert "secret" not in response.text
    assert any(record.exc_info for record in caplog.records)


async def test_what_the_model_adds_never_replaces_a_pictures_place(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "index": 99, "file": "hijacked"}])
    (entry,) = (await client.post("/predict/batch", files=form(JPEGS[0]))).json()["results"]
    assert (entry["index"], entry["file"]) == (0, "0.jpg")


async def test_a_model_that_is_not_ready_refuses_the_whole(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["LOADING"]}
    async with running_app(settings(ready_grace_s=0)) as (app, client):
        await until(lambda: not app.state.services.readiness.state.ready)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            response = await client.post("/predict/batch", files=form(JPEGS[0]))
            if response.status_code == 503:
                break
        assert_error(response, 503, "model_not_ready")
