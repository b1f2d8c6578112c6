"""A client that goes away takes its work with it."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker, until
from tests.gateway.fake_torchserve import STREET, Answer, FakeTorchServe, serving
from tests.gateway.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


def request(body: bytes, length: int) -> bytes:
    return (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % length + body
    )


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


async def test_the_call_to_the_model_server_is_given_up(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=8)
    caplog.set_level("INFO", "gateway.access")
    with serving(create_app(settings()), lifespan="on") as url:
        with connect(url) as client:
            client.sendall(request(JPEG, len(JPEG)))
            await until(lambda: fake.predictions)
        await until(lambda: fake.abandoned == 1)
        await until(lambda: any(getattr(record, "error", None) == "client_closed" for record in caplog.records))


async def test_an_upload_that_is_broken_off_is_forgotten(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.access")
    with serving(create_app(settings()), lifespan="on") as url:
        with connect(url) as client:
            client.sendall(request(JPEG[:100], 100_000))
        await until(lambda: any(getattr(record, "error", None) == "client_closed" for record in caplog.records))
    assert fake.predictions == []
