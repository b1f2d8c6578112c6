"""The gateway in process, in front of a fake TorchServe that listens on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.main import create_app
from gateway.model_server.base import InferenceBackend
from gateway.model_server.readiness import REUSE_S
from gateway.settings import Settings
from tests.gateway.support.fake_torchserve import FakeTorchServe, serving
from tests.gateway.support.gateway_process import Gateway, gateway_process

SettingsMaker = Callable[..., Settings]
Start = Callable[..., Gateway]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def _running() -> Iterator[tuple[FakeTorchServe, str]]:
    fake = FakeTorchServe()
    with serving(fake) as url:
        yield fake, url


@pytest.fixture(scope="module")
def url(_running: tuple[FakeTorchServe, str]) -> Iterator[str]:
    """Run a gateway process for the tests of a module; it asks the fake, and keeps no fault of an earlier test."""
    fake, torchserve = _running
    fake.reset()
    variables = {"TORCHSERVE_INFERENCE_URL": torchserve, "TORCHSERVE_MANAGEMENT_URL": torchserve}
    with gateway_process(READY_GRACE_S="3600", **variables) as url:
        yield url


@pytest.fixture
def fake(_running: tuple[FakeTorchServe, str]) -> FakeTorchServe:
    fake, _ = _running
    fake.reset()
    return fake


@pytest.fixture
def settings(_running: tuple[FakeTorchServe, str], fake: FakeTorchServe) -> SettingsMaker:
    """Make settings that point at the fake; arguments override."""
    _, url = _running
    defaults: dict[str, Any] = {"torchserve_inference_url": url, "torchserve_management_url": url}
    defaults["allowed_hosts"] = "gateway"  # the name by which `running_app` calls it
    return lambda **changed: Settings(**{**defaults, **changed})


@contextlib.asynccontextmanager
async def running_app(
    settings: Settings, backend: InferenceBackend | None = None
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Run the application's lifespan and give a client that calls it in process."""
    app = create_app(settings, backend)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        yield app, client


@pytest.fixture
async def client(settings: SettingsMaker) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings()) as (_, client):
        yield client


@pytest.fixture
def start(_running: tuple[FakeTorchServe, str], fake: FakeTorchServe) -> Iterator[Start]:
    """Start gateway processes in front of the fake; arguments are environment variables."""
    _, url = _running
    started: list[Gateway] = []

    def make(**variables: str) -> Gateway:
        urls = {"TORCHSERVE_INFERENCE_URL": url, "TORCHSERVE_MANAGEMENT_URL": url}
        started.append(Gateway(**{**urls, **variables}))
        return started[-1]

    yield make
    for gateway in started:
        gateway.stop()


@pytest.fixture
def unused_url() -> str:
    """An address where nothing listens: a connection to it is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; it is another thread's or task's doing, and there is no event for it."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def ready_now(client: httpx.AsyncClient) -> httpx.Response:
    """Ask for readiness when no answer from before is given again."""
    await asyncio.sleep(REUSE_S)
    return await client.get("/health/ready")


def assert_error(response: httpx.Response, status: int, code: str, *says: str) -> str:
    """Check the one body of every error and return its message."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"status", "error", "request_id"}
    assert body["status"] == "error"
    assert body["error"]["code"] == code
    assert body["request_id"] == response.headers["x-request-id"]
    message: str = body["error"]["message"]
    for part in says:
        assert part in message
    return message
