"""What a request says of its turn: its caller, its priority and its time; and refusals before the body is read."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from gateway.api.claim import claim_of, read_timeout, read_urgency
from gateway.detection.request import Claim
from gateway.errors import InvalidParameter
from gateway.http.caller import IDENTITY
from tests.gateway.conftest import SettingsMaker, Start, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.gateway.support.sockets import connect, error_in, head, read_answer

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
#: Of requests that keep the service busy, with a cache too.
BUSY = {"Cache-Control": "no-store"}


def request_with(*headers: tuple[str, str], **scope: Any) -> Request:
    lines = [(name.lower().encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": lines, "client": ("192.0.2.1", 1), **scope})


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("", 3),
        ("u=0", 0),
        ("u=5", 5),
        ("u=5, i", 5),
        ("i, u=7", 7),
        ("i,u=6;x=1", 6),
        ("u=1,u=4", 4),
        ("u=9", 3),
        ("u=high", 3),
        ("urgency=5", 3),
        ("u = 5", 3),
    ],
)
def test_the_urgency_of_rfc_9218_is_read_and_what_is_invalid_ignored(text: str, urgency: int) -> None:
    assert read_urgency(text) == urgency


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("1", 1), ("0.25", 0.25), ("1e1", 10), ("86400", 86400)])
def test_the_time_of_a_request_is_in_seconds(text: str | None, seconds: float | None) -> None:
    assert read_timeout(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0.0", "-1", "nan", "inf", "1e999", "1_0", "٣", "1s", "1,2", "9" * 400])
def test_any_other_time_is_an_invalid_parameter(text: str) -> None:
    with pytest.raises(InvalidParameter, match="X-Request-Timeout"):
        read_timeout(text)


async def test_a_claim_names_the_key_else_the_address_and_its_time_runs_from_the_arrival() -> None:
    assert claim_of(request_with()) == Claim("ip:192.0.2.1", True, None)
    assert claim_of(request_with(**{IDENTITY: "camera"})).caller == "key:camera"
    request = request_with(("Priority", "u=5"), ("X-Request-Timeout", "10"))
    now = asyncio.get_running_loop().time()
    claim = claim_of(request)
    assert not claim.urgent
    assert claim.deadline is not None
    assert math.isclose(claim.deadline, now + 10, abs_tol=1)
    assert claim_of(request) is claim
    assert not claim_of(request_with(("Priority", "u=0")), urgent=False).urgent, "nothing raises it"


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v1/vision/detection", "/v2/models/yolo/infer"])
async def test_an_invalid_time_is_refused_on_every_route(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=JPEG, headers={"X-Request-Timeout": "soon"})
    assert answer.status_code == (400 if path.startswith("/v1") else 422)
    assert answer.json().get("code", answer.json().get("error")) is not None
    assert "X-Request-Timeout" in answer.text


@contextlib.asynccontextmanager
async def overloaded(url: str, fake: FakeTorchServe, clients: int = 8) -> AsyncIterator[None]:
    """Keep so many requests at the service, whose one place takes 0.5 s for each."""
    fake.predict = lambda asked: Answer([STREET], delay_s=0.5)

    async def ask(client: httpx.AsyncClient) -> None:
        while True:
            answer = await client.post(f"{url}/predict", content=JPEG, headers=BUSY)
            if answer.status_code == 503:
                await asyncio.sleep(0.05)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        tasks = [asyncio.create_task(ask(client)) for _ in range(clients)]
        await until(lambda: len(fake.predictions) >= 3)  # so the time of an answer is known
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_request_without_a_chance_is_refused_before_its_body_and_its_connection_stays_usable(
    start: Start, fake: FakeTorchServe
) -> None:
    url = start(MAX_IN_FLIGHT="1", MAX_WAIT_S="2").url()
    async with overloaded(url, fake):
        with connect(url) as client:
            client.sendall(head(len(JPEG)))  # and nothing of the body
            refused = await asyncio.to_thread(read_answer, client)
            status, code, message = error_in(refused)
            assert (status, code) == (503, "overloaded")
            assert "the wait would be" in message
            assert b"\r\nretry-after: " in refused.lower()
            assert b"connection: close" not in refused.lower()
            client.sendall(JPEG + b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in await asyncio.to_thread(read_answer, client)


async def test_with_a_cache_the_body_is_read_unless_the_request_excludes_the_cache(
    start: Start, fake: FakeTorchServe
) -> None:
    url = start(MAX_IN_FLIGHT="1", MAX_WAIT_S="2", CACHE="memory").url()
    stored = picture("PNG")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        assert (await client.post(f"{url}/predict", content=stored)).status_code == 200
        async with overloaded(url, fake):
            hit = await client.post(f"{url}/predict", content=stored)
            assert (hit.status_code, hit.headers["x-cache"]) == (200, "HIT")
            with connect(url) as raw:
                raw.sendall(head(len(JPEG), b"Cache-Control: no-store\r\n"))
                assert error_in(await asyncio.to_thread(read_answer, raw))[1] == "overloaded"


async def test_a_request_in_the_queue_ends_with_its_time(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=3)
    async with running_app(settings(max_in_flight=1, max_wait_s=60)) as (_, client):
        first = asyncio.create_task(client.post("/predict", content=JPEG))
        await until(lambda: fake.predictions)
        late = await client.post("/predict", content=JPEG, headers={"X-Request-Timeout": "0.2"})
        assert_error(late, 503, "overloaded", "X-Request-Timeout")
        assert not first.done()
        assert (await first).status_code == 200
        refused = (await client.get("/metrics")).text
    assert 'gateway_admission_refused_total{reason="deadline"} 1.0' in refused
    assert len(fake.predictions) == 1


@pytest.mark.parametrize("lower", ["batch", "header", "infer"])
async def test_single_images_go_before_those_that_yield(
    settings: SettingsMaker, fake: FakeTorchServe, lower: str
) -> None:
    order: list[str] = []

    def predict(asked: Asked) -> Answer:
        order.append(asked.headers["x-request-id"])
        return Answer([STREET], delay_s=0.3)

    fake.predict = predict
    files = [("files", ("a.jpg", JPEG))] * 4
    images = [base64.b64encode(JPEG).decode()] * 4
    infer = {"inputs": [{"name": "image", "shape": [4], "datatype": "BYTES", "data": images}]}
    yielding = {"X-Request-ID": "yields"}
    async with running_app(settings(max_in_flight=1, max_wait_s=60)) as (_, client):
        first = asyncio.create_task(client.post("/predict", content=JPEG, headers={"X-Request-ID": "first"}))
        await until(lambda: order)
        if lower == "batch":
            posts = [client.post("/predict/batch", files=files, headers=yielding)]
        elif lower == "infer":
            posts = [client.post("/v2/models/yolo/infer", content=json.dumps(infer), headers=yielding)]
        else:
            headers = {**yielding, "Priority": "u=5"}
            posts = [client.post("/predict", content=JPEG, headers=headers) for _ in range(4)]
        tasks = [asyncio.create_task(post) for post in posts]
        async with asyncio.timeout(30):
            while "gateway_admission_waiting 4.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        urgent = await client.post("/predict", content=JPEG, headers={"X-Request-ID": "urgent"})
        assert urgent.status_code == 200
        assert {answer.status_code for answer in await asyncio.gather(first, *tasks)} == {200}
    assert order.index("urgent") <= 2, "at most the one that had its turn already went before it"
    assert order.count("yields") == 4


async def test_a_page_of_another_site_may_send_both_headers(settings: SettingsMaker) -> None:
    async with running_app(settings(cors_origins="https://shop.example")) as (_, client):
        preflight = await client.options(
            "/predict",
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "priority,x-request-timeout",
            },
        )
    assert preflight.status_code == 200
