"""BACKEND=oip before a server that is away, slow, full, broken or talkative: the right status in our own words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from tests.gateway.conftest import assert_error, ready_now, running_app
from tests.gateway.support.fake_torchserve import serving
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
SECRET = "std::bad_alloc at /opt/tritonserver/yolo/model.py"
FOUND = {
    "model_name": "yolo",
    "model_version": "2",
    "outputs": [
        {"name": "boxes", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]},
        {"name": "scores", "datatype": "FP32", "shape": [1], "data": [0.5]},
        {"name": "labels", "datatype": "BYTES", "shape": [1], "data": ["person"]},
    ],
}
Reply = tuple[int, Any]


@dataclass
class FakeOip:
    """A small server of the protocol; a test replaces what it says at an address, or how long it takes."""

    replies: dict[str, Reply] = field(
        default_factory=lambda: {
            "/v2": (200, {"name": "triton", "extensions": []}),
            "/v2/models/yolo": (200, {"name": "yolo", "versions": ["1", "2"], "inputs": [], "outputs": []}),
            "/v2/models/yolo/ready": (200, b""),
            "/v2/models/yolo/versions/1/ready": (200, b""),
            "/v2/models/yolo/versions/2/ready": (200, b""),
            "/v2/models/yolo/infer": (200, FOUND),
            "/v2/models/yolo/versions/1/infer": (200, {**FOUND, "model_version": "1"}),
        }
    )
    delays: dict[str, float] = field(default_factory=dict)
    #: Address, headers and body of each request.
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def reset(self) -> None:
        self.__dict__.update(FakeOip().__dict__)

    def count(self, path: str) -> int:
        return [address for address, _, _ in self.asked].count(path)

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers, body))
        await asyncio.sleep(self.delays.get(scope["path"], 0))
        status, reply = self.replies.get(scope["path"], (404, {"error": f"{SECRET}: not found"}))
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})


@contextlib.contextmanager
def _fake() -> Iterator[tuple[FakeOip, str]]:
    fake = FakeOip()
    with serving(fake) as url:
        yield fake, url


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[FakeOip, str]]:
    with _fake() as served:
        yield served


@pytest.fixture
def oip(_served: tuple[FakeOip, str]) -> FakeOip:
    fake, _ = _served
    fake.reset()
    return fake


@pytest.fixture
def before(_served: tuple[FakeOip, str], oip: FakeOip) -> Callable[..., Settings]:
    _, url = _served
    return lambda **changed: Settings(**{"backend": "oip", "oip_url": url, "allowed_hosts": "gateway", **changed})


@pytest.fixture
async def client(before: Callable[..., Settings]) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(before()) as (_, client):
        yield client


async def test_a_prediction_asks_once_what_the_model_is_like(client: httpx.AsyncClient, oip: FakeOip) -> None:
    await client.get("/health/ready")
    described = oip.count("/v2/models/yolo")
    for _ in range(3):
        response = await client.post("/predict?iou=0.4", content=JPEG, headers={"X-Request-ID": "mine"})
        assert response.status_code == 200
    assert response.json()["detections"] == [
        {"confidence": 0.5, "class": "person", "bbox": [1, 2, 3, 4], "class_id": -1}
    ]
    assert (oip.count("/v2/models/yolo/infer"), oip.count("/v2/models/yolo")) == (3, described)
    _, headers, body = next(asked for asked in oip.asked if asked[0].endswith("/infer"))
    assert headers["x-request-id"] == "mine"
    assert "authorization" not in headers
    assert json.loads(body)["parameters"] == {"iou": 0.4}


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ((400, {"error": SECRET}), 400, "invalid_image"),
        ((422, {"detail": [SECRET]}), 400, "invalid_image"),
        ((413, b""), 413, "body_too_large"),
        ((404, {"error": SECRET}), 503, "model_not_ready"),
        ((401, {"error": SECRET}), 502, "backend_error"),
        ((429, {"error": SECRET}), 503, "overloaded"),
        ((503, {"error": SECRET}), 503, "overloaded"),
        ((504, b"<html>" + SECRET.encode()), 504, "backend_timeout"),
        ((500, {"error": SECRET}), 502, "backend_error"),
        ((500, b"\xff"), 502, "backend_error"),
        ((302, b""), 502, "backend_error"),
        ((200, b""), 502, "backend_error"),
        ((200, {"outputs": []}), 502, "backend_error"),
        ((400, {"error": "imgsz: no", "code": "invalid_parameter"}), 422, "invalid_parameter"),
        ((415, {"error": "a PSD", "code": "unsupported_image"}), 415, "unsupported_image"),
        ((413, {"error": 7, "code": "image_too_large"}), 413, "image_too_large"),
    ],
)
async def test_an_answer_that_is_none_becomes_the_right_error_and_tells_no_secrets(
    client: httpx.AsyncClient, oip: FakeOip, reply: Reply, status: int, code: str
) -> None:
    await client.get("/health/ready")
    oip.replies["/v2/models/yolo/infer"] = reply
    message = assert_error(await client.post("/predict", content=JPEG), status, code)
    assert "bad_alloc" not in message
    oip.replies["/v2/models/yolo/infer"] = (200, FOUND)
    assert (await client.post("/predict", content=JPEG)).status_code == 200


async def test_a_server_that_is_away_is_503_and_one_that_is_slow_504(
    before: Callable[..., Settings], oip: FakeOip, unused_url: str
) -> None:
    async with running_app(before(oip_url=unused_url)) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 503, "backend_unavailable")
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", "cannot be reached")
    oip.delays["/v2/models/yolo/infer"] = 5
    async with running_app(before(read_timeout_s=0.2)) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 504, "backend_timeout")


async def test_readiness_is_asked_while_every_connection_for_predictions_is_taken(
    before: Callable[..., Settings], oip: FakeOip
) -> None:
    oip.delays["/v2/models/yolo/infer"] = 1
    async with running_app(before(max_connections=1, max_in_flight=2, pool_timeout_s=0.1)) as (_, client):
        await client.get("/health/ready")
        first = asyncio.create_task(client.post("/predict", content=JPEG))
        while not oip.count("/v2/models/yolo/infer"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert_error(await client.post("/predict", content=JPEG), 503, "overloaded")
        assert (await client.get("/health/ready")).status_code == 200
        assert (await first).status_code == 200


@pytest.mark.parametrize(
    ("path", "reply", "says"),
    [
        ("/v2/models/yolo/ready", (503, b""), "not ready"),
        ("/v2/models/yolo/ready", (400, {"error": SECRET}), "not ready"),
        ("/v2/models/yolo/ready", (200, {"ready": False}), "not ready"),
        ("/v2/models/yolo/ready", (404, {"error": SECRET}), "no model 'yolo' is loaded"),
        ("/v2/models/yolo", (200, b"<html>"), "takes pictures as BYTES"),
        ("/v2/models/yolo", (200, {"inputs": [{"name": "x", "datatype": "FP32"}]}), "takes pictures as BYTES"),
    ],
)
async def test_readiness_means_that_the_model_takes_pictures(
    before: Callable[..., Settings], oip: FakeOip, path: str, reply: Reply, says: str
) -> None:
    oip.replies[path] = reply
    async with running_app(before()) as (_, client):
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", says)


async def test_a_slow_readiness_is_a_no(before: Callable[..., Settings], oip: FakeOip) -> None:
    oip.delays["/v2/models/yolo/ready"] = 3
    async with running_app(before()) as (_, client):
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", "in time")


async def test_a_version_is_asked_at_its_own_address_and_the_default_is_what_answers(
    client: httpx.AsyncClient, oip: FakeOip
) -> None:
    raw = {"Inference-Header-Content-Length": "0"}
    named = await client.post("/v2/models/yolo/versions/1/infer", content=JPEG, headers=raw)
    assert named.status_code == 200
    assert b'"model_version":"1"' in named.content
    await client.post("/predict", content=JPEG)
    ((one, two),) = [model["versions"] for model in (await client.get("/models")).json()["models"]]
    assert [(one["version"], one["default"]), (two["version"], two["default"])] == [("1", False), ("2", True)]
    assert (await ready_now(client)).json()["model"]["version"] == "2"


@pytest.mark.parametrize("status", [400, 404, 501])
async def test_a_version_that_is_not_there_is_404_however_the_server_says_it(
    client: httpx.AsyncClient, oip: FakeOip, status: int
) -> None:
    oip.replies["/v2/models/yolo/versions/9/infer"] = (status, {"error": SECRET})
    raw = {"Inference-Header-Content-Length": "0"}
    response = await client.post("/v2/models/yolo/versions/9/infer", content=JPEG, headers=raw)
    assert (response.status_code, response.json()["code"]) == (404, "version_not_found")
    # A picture that a loaded version refuses is another matter.
    oip.replies["/v2/models/yolo/versions/1/infer"] = (400, {"error": SECRET})
    response = await client.post("/v2/models/yolo/versions/1/infer", content=JPEG, headers=raw)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_image")


@pytest.mark.parametrize("version", ["%2e%2e", "%2e", "1..2", "a%20b", "%00", "x" * 65])
async def test_what_cannot_be_a_version_is_404_and_never_a_part_of_the_servers_address(
    client: httpx.AsyncClient, oip: FakeOip, version: str
) -> None:
    oip.asked.clear()
    address = f"/v2/models/yolo/versions/{version}"
    raw = {"Inference-Header-Content-Length": "0"}
    answers = [
        await client.post(f"{address}/infer", content=JPEG, headers=raw),
        await client.get(address),
        await client.get(f"{address}/ready"),
    ]
    for response in answers:
        assert (response.status_code, response.json()["code"]) == (404, "version_not_found")
    assert not [path for path, _, _ in oip.asked if path.endswith("/infer") or "versions" in path]


async def test_the_token_of_the_file_goes_along_and_a_new_one_is_taken_up(
    before: Callable[..., Settings], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    # A server of its own: what the application of the test before has sent, without a token, may arrive late.
    with _fake() as (oip, url):
        async with running_app(before(oip_url=url, oip_token_file=str(file))) as (_, client):
            await client.post("/predict", content=JPEG)
            assert {headers["authorization"] for _, headers, _ in oip.asked} == {"Bearer first"}
            (tmp_path / "new").write_text("second")
            os.replace(tmp_path / "new", file)  # noqa: PTH105
            await client.post("/predict", content=JPEG)
            assert oip.asked[-1][1]["authorization"] == "Bearer second"
            asked = oip.count("/v2/models/yolo/infer")
            for content in (b"", b" \n", "é".encode(), b"x" * 100_000):
                file.write_bytes(content)
                assert_error(await client.post("/predict", content=JPEG), 503, "backend_unavailable")
            file.unlink()
            assert_error(await client.post("/predict", content=JPEG), 503, "backend_unavailable")
            assert oip.count("/v2/models/yolo/infer") == asked, "nothing goes out without the token"
            file.write_text("third")
            assert (await client.post("/predict", content=JPEG)).status_code == 200
            assert "Bearer third" in {headers["authorization"] for _, headers, _ in oip.asked}


async def test_a_model_that_changed_its_tensors_is_looked_at_again(client: httpx.AsyncClient, oip: FakeOip) -> None:
    assert (await client.post("/predict", content=JPEG)).status_code == 200
    model = {"inputs": [{"name": "raw", "datatype": "BYTES", "shape": [-1]}]}
    oip.replies["/v2/models/yolo"] = (200, model)
    oip.replies["/v2/models/yolo/infer"] = (400, {"error": "unexpected inference input 'image'"})
    assert (await client.post("/predict", content=JPEG)).status_code == 400
    oip.replies["/v2/models/yolo/infer"] = (200, FOUND)
    assert (await client.post("/predict", content=JPEG)).status_code == 200
    assert json.loads(oip.asked[-1][2])["inputs"][0]["name"] == "raw"
