"""HEAD at every address that takes GET: what GET says, but for the body."""

from __future__ import annotations

import http.client
import logging
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gateway.conftest import SettingsMaker, Start, running_app
from tests.gateway.support.auth import add_key, bearer
from tests.gateway.support.fake_torchserve import FakeTorchServe


def said(response: httpx.Response) -> dict[str, str]:
    """The headers, but for what differs from one request to the next."""
    return {name: value for name, value in response.headers.items() if name not in ("x-request-id", "content-length")}


async def paths(client: httpx.AsyncClient) -> list[str]:
    document = (await client.get("/openapi.json")).json()
    found = [path for path, methods in document["paths"].items() if "get" in methods]
    real = {"{name}": "yolo", "{version}": "1.0", "/static/yolo": "/static/app.js"}
    for placeholder, value in real.items():
        found = [path.replace(placeholder, value) for path in found]
    return [*found, "/docs", "/openapi.json", "/nothing", "/predict"]


@pytest.mark.anyio
async def test_head_says_what_get_says_without_the_body(client: httpx.AsyncClient) -> None:
    asked = await paths(client)
    assert {"/", "/health", "/health/live", "/health/ready", "/v2/health/ready", "/models", "/metrics"} <= set(asked)
    for path in asked:
        got, head = await client.get(path), await client.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        assert "content-length" in head.headers, path
        assert said(head) == said(got), path
        if head.status_code == 405:
            assert head.headers["allow"] == "POST", path


@pytest.mark.anyio
async def test_a_model_that_is_not_ready_is_503_to_head_too(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": []}
    response = await client.head("/health/ready")
    assert (response.status_code, response.content) == (503, b"")
    assert response.headers["retry-after"] == "1"


@pytest.mark.anyio
async def test_head_is_asked_for_keys_as_get_is(settings: SettingsMaker, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    key = add_key(path)
    async with running_app(settings(api_keys_file=str(path))) as (_, client):
        assert (await client.head("/models")).status_code == 401
        assert (await client.head("/models", headers=bearer(key))).status_code == 200
        assert (await client.head("/health/live")).status_code == 200


@pytest.mark.anyio
async def test_log_and_metrics_say_head(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    await client.head("/models")
    await client.head("/nothing")
    asked, missed = (vars(record) for record in caplog.records if record.name == "gateway.access")
    assert (asked["method"], asked["path"], asked["status"], asked["bytes"]) == ("HEAD", "/models", 200, 0)
    assert (missed["method"], missed["error"]) == ("HEAD", "not_found")
    assert 'method="HEAD",route="/models",status="200"' in (await client.get("/metrics")).text


def test_the_next_answer_on_the_same_connection_is_whole(start: Start) -> None:
    """Over a real socket: a body after HEAD would be read as the beginning of the next answer."""
    address = urlsplit(start().url())
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    for method in ("HEAD", "GET", "HEAD", "GET"):
        connection.request(method, "/health/live")
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200
        assert len(body) == (int(answer.headers["Content-Length"]) if method == "GET" else 0)
    connection.close()
