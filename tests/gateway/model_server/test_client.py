"""The client of model servers, against servers that answer as HTTP allows, and as it does not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from gateway.model_server import client as clients
from gateway.model_server.client import HttpClient, Reply
from gateway.model_server.errors import BackendError, BackendFault, BackendTimeout, BackendUnavailable
from gateway.settings import Settings
from tests.gateway.conftest import until
from tests.gateway.support.certificates import self_signed

pytestmark = pytest.mark.anyio

PICTURE = b"\xff\xd8 a picture"
Say = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Reads requests and answers each as told; remembers heads, bodies and how many connections came and went."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.opened = self.closed = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                length = next(int(line[15:]) for line in head.splitlines() if line.startswith("Content-Length:"))
                self.bodies.append(await reader.readexactly(length))
                await self.say(reader, writer)
        writer.close()
        self.closed += 1


def saying(answer: bytes, *, close: bool = False) -> Say:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if close:
            writer.close()

    return say


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@contextlib.asynccontextmanager
async def listening(serve: Say, tls: ssl.SSLContext | None = None, limit: int = 65536) -> AsyncIterator[int]:
    """Serve each connection on a free port until the end; yields the port."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(end_to_end(reader, writer)))

    async def end_to_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, limit=limit) as server:
        yield server.sockets[0].getsockname()[1]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def sending(
    say: Say, tls: ssl.SSLContext | None = None, base: str = "http://127.0.0.1:{port}", **changed: float
) -> AsyncIterator[tuple[HttpClient, Server]]:
    server = Server(say)
    async with listening(server, tls) as port:
        settings = Settings(**changed)  # type: ignore[arg-type]
        client = HttpClient(settings, base.format(port=port), settings.max_connections, {"Accept": "application/json"})
        try:
            yield client, server
        finally:
            await client.aclose()


async def post(client: HttpClient, body: bytes = PICTURE) -> Reply:
    return await client.request(
        "POST", "/models/yolo/invoke?conf=0.5", body, {"Content-Type": "application/octet-stream"}
    )


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


async def test_a_server_is_not_unreachable_because_the_gateway_was_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = anyio.connect_tcp

    async def held_up(*given: Any, **options: Any) -> Any:
        time.sleep(0.8)  # noqa: ASYNC251  as when others take the processors
        return await connect(*given, **options)

    monkeypatch.setattr(anyio, "connect_tcp", held_up)
    async with sending(saying(OK)) as (client, _):
        assert (await post(client)).status == 200


@pytest.mark.parametrize(
    ("answer", "close", "kept"),
    [
        (OK, False, True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\n[\r\n1\r\n]\r\n0\r\nT: t\r\n\r\n",
            False,
            True,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False, True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, False, True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]", True, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]", True, False),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", True, False),
    ],
    ids=["length", "chunks", "100 before", "103 before", "close", "1.0", "until it closes"],
)
async def test_an_answer_is_read_to_its_end_and_its_connection_used_again_if_it_may(
    answer: bytes, close: bool, kept: bool
) -> None:
    async with sending(saying(answer, close=close)) as (client, server):
        for _ in range(3):
            reply = await post(client)
            assert (reply.status, reply.content) == (200, b"[]")
        assert server.opened == (1 if kept else 3)
    assert server.bodies == [PICTURE] * 3


async def test_an_answer_in_many_pieces_is_one() -> None:
    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in OK:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.002)

    async with sending(dribble, read_timeout_s=0.05) as (client, _):  # silence is what is bounded, not the whole
        assert (await post(client)).content == b"[]"


async def test_what_is_asked_is_a_whole_request_of_one_form() -> None:
    async with sending(saying(OK), base="http://us%40er:pa%3Ass@127.0.0.1:{port}/behind") as (client, server):
        await post(client)
        (port,) = {line.rpartition(":")[2] for line in server.heads[0].splitlines() if line.startswith("Host")}
    assert server.heads == [
        "POST /behind/models/yolo/invoke?conf=0.5 HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        f"Authorization: Basic {base64.b64encode(b'us@er:pa:ss').decode()}\r\n"
        "Accept: application/json\r\n"
        "Content-Type: application/octet-stream\r\n"
        f"Content-Length: {len(PICTURE)}\r\n\r\n"
    ]


async def test_connections_in_use_are_bounded_and_the_last_used_is_used_first() -> None:
    async with sending(saying(OK), max_connections=3) as (client, server):
        await asyncio.gather(*(post(client) for _ in range(10)))
        assert server.opened == 3
        for _ in range(5):
            await post(client)
        assert server.opened == 3


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", BackendUnavailable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[", BackendUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-", BackendUnavailable),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", BackendUnavailable),
        (b"SSH-2.0-OpenSSH_9.2\r\n", BackendUnavailable),
        (b"HTTP/1.1 200 OK\r\nX-Endless: " + b"a" * 200_000, BackendUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"a" * 5000, BackendError),
    ],
    ids=["short", "short chunk", "short head", "an upgrade", "no HTTP", "an endless head", "too long"],
)
async def test_an_answer_that_is_none_is_a_fault_and_its_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, fault: type[BackendFault]
) -> None:
    monkeypatch.setattr(clients, "LARGEST_ANSWER", 2000)
    async with sending(saying(answer, close=True)) as (client, server):
        with pytest.raises(BackendFault) as raised:
            await post(client)
        assert type(raised.value) is fault
        await until(lambda: server.closed == 1)
        server.say = saying(OK)
        assert (await post(client)).status == 200


async def test_silence_is_a_timeout_and_the_server_is_told_that_nobody_waits() -> None:
    async with sending(say_nothing, read_timeout_s=0.1) as (client, server):
        with pytest.raises(BackendTimeout, match="ReadTimeout"):
            await post(client)
        await until(lambda: server.closed == 1)


async def test_a_server_that_does_not_take_the_picture_is_a_timeout_of_its_own() -> None:
    async def take_nothing(*_: object) -> None:
        await asyncio.sleep(5)

    async with listening(take_nothing, limit=1) as port:
        settings = Settings(read_timeout_s=30, write_timeout_s=0.2)
        client = HttpClient(settings, f"http://127.0.0.1:{port}", 1, {})
        async with asyncio.timeout(15):
            with pytest.raises(BackendTimeout, match="WriteTimeout"):
                await post(client, bytes(50_000_000))


@pytest.mark.parametrize(("size", "then"), [(200_000, "closes"), (200_000, "reads on"), (50_000_000, "reads on")])
async def test_an_answer_before_the_whole_image_was_read_counts(size: int, then: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        while then == "reads on" and await reader.read(1_000_000):
            pass

    async with listening(refuse, limit=1000) as port:
        client = HttpClient(Settings(), f"http://127.0.0.1:{port}", 1, {})
        async with asyncio.timeout(15):
            assert (await post(client, bytes(size))).status == 413
        await client.aclose()


async def test_who_gives_up_closes_the_connection_and_the_next_gets_another() -> None:
    async with sending(say_nothing) as (client, server):
        asking = asyncio.create_task(post(client))
        await until(lambda: len(server.bodies) == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: server.closed == 1)
        server.say = saying(OK)
        assert (await post(client)).status == 200
        assert server.opened == 2


async def test_giving_up_at_any_moment_leaves_no_connection_behind() -> None:
    async with sending(saying(OK)) as (client, server):
        gave_up = 0
        for steps in range(60):
            asking = asyncio.create_task(post(client))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            (outcome,) = await asyncio.gather(asking, return_exceptions=True)
            gave_up += isinstance(outcome, asyncio.CancelledError)
        assert gave_up > 5
        await client.aclose()
        await until(lambda: server.closed == server.opened)


async def test_bytes_that_nobody_asked_for_end_a_kept_connection() -> None:
    async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(OK)

    async with sending(chatter) as (client, server):
        await post(client)
        await asyncio.sleep(0.2)
        assert (await post(client)).content == b"[]"
        assert server.opened == 2


async def test_idle_connections_are_closed_before_servers_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "KEEPALIVE_EXPIRY_S", 0.2)
    async with sending(saying(OK)) as (client, server):
        await asyncio.gather(*(post(client) for _ in range(3)))
        for _ in range(6):  # one stays in use, the others go
            await asyncio.sleep(0.08)
            await post(client)
        assert (server.opened, server.closed) == (3, 2)
        await asyncio.sleep(0.3)
        assert (await post(client)).status == 200
        assert server.opened == 4


async def test_tls_is_spoken_and_the_certificate_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crt, key = self_signed(tmp_path, "127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(crt, key)
    async with sending(saying(OK), tls=tls, base="https://127.0.0.1:{port}") as (client, _):
        with pytest.raises(BackendUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await post(client)
    monkeypatch.setenv("SSL_CERT_FILE", str(crt))
    async with sending(saying(OK), tls=tls, base="https://127.0.0.1:{port}") as (client, server):
        assert [(await post(client)).content for _ in range(2)] == [b"[]"] * 2
        assert server.opened == 1


async def test_a_reset_within_an_answer_is_a_fault() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n[")
        await writer.drain()
        await asyncio.sleep(0.05)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with sending(reset) as (client, _):
        with pytest.raises(BackendUnavailable, match="ReadError"):
            await post(client)
