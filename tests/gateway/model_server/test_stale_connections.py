"""A kept connection that died is retried once, on a new one; anything else is not."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.fake_torchserve import STREET
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
GOOD = json.dumps([STREET]).encode()

#: What to do with one request on a connection; returns False to hang up.
Act = Callable[[socket.socket], bool]


def answer(connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD)
    return True


def hang_up(connection: socket.socket) -> bool:
    return False


def reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends RST
    return False


def hang_up_in_the_answer(connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[")
    return False


def talk_nonsense(connection: socket.socket) -> bool:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    return False


class Script:
    """A server that does, connection by connection and request by request, what it is told, and counts requests."""

    def __init__(self, *connections: list[Act]) -> None:
        self.connections = list(connections)
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            for acts in self.connections:
                connection, _ = self.listener.accept()
                with connection:
                    for act in acts:
                        if not self.read_request(connection):
                            break
                        self.requests += 1
                        if not act(connection):
                            break

    @staticmethod
    def read_request(connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (chunk := connection.recv(65536)):
                return False
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-len")
        )
        while len(body) < length:
            body += connection.recv(65536)
        return True


@pytest.fixture
def scripted() -> Iterator[Callable[..., tuple[Script, str]]]:
    started: list[tuple[Script, threading.Thread]] = []

    def start(*connections: list[Act]) -> tuple[Script, str]:
        script = Script(*connections)
        thread = threading.Thread(target=script.serve, daemon=True)
        thread.start()
        started.append((script, thread))
        return script, f"http://127.0.0.1:{script.listener.getsockname()[1]}"

    yield start
    for script, thread in started:
        with contextlib.suppress(OSError):
            script.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        script.listener.close()
        thread.join(5)


async def post_twice(settings: SettingsMaker, url: str) -> tuple[httpx.Response, httpx.Response]:
    async with running_app(settings(torchserve_inference_url=url)) as (_, client):
        return await client.post("/predict", content=JPEG), await client.post("/predict", content=JPEG)


@pytest.mark.parametrize("death", [hang_up, reset])
async def test_a_dead_kept_connection_is_retried_once_on_a_new_one(
    settings: SettingsMaker, scripted: Callable[..., tuple[Script, str]], death: Act
) -> None:
    script, url = scripted([answer, death], [answer])
    first, second = await post_twice(settings, url)
    assert (first.status_code, second.status_code) == (200, 200)
    assert script.requests == 3


@pytest.mark.parametrize("death", [hang_up, reset])
async def test_if_the_new_connection_dies_too_that_is_the_answer(
    settings: SettingsMaker, scripted: Callable[..., tuple[Script, str]], death: Act
) -> None:
    script, url = scripted([answer, death], [death], [answer])
    _, second = await post_twice(settings, url)
    assert_error(second, 503, "backend_unavailable")
    assert script.requests == 3


@pytest.mark.parametrize("death", [hang_up, reset, talk_nonsense])
async def test_a_new_connection_that_dies_is_not_retried(
    settings: SettingsMaker, scripted: Callable[..., tuple[Script, str]], death: Act
) -> None:
    script, url = scripted([death], [answer])
    async with running_app(settings(torchserve_inference_url=url)) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 503, "backend_unavailable")
        assert script.requests == 1
        # The next request gets the next connection: the pool is in order.
        assert (await client.post("/predict", content=JPEG)).status_code == 200


async def test_a_connection_that_breaks_within_the_answer_is_not_retried(
    settings: SettingsMaker, scripted: Callable[..., tuple[Script, str]]
) -> None:
    script, url = scripted([answer, hang_up_in_the_answer], [answer])
    _, second = await post_twice(settings, url)
    assert_error(second, 503, "backend_unavailable")
    assert script.requests == 2
