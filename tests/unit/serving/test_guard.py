"""The proxy on TorchServe's ports, in front of a small server on a Unix socket."""

import asyncio
import contextlib
import io
import json
import socket
from pathlib import Path

import pytest

import guard
from guard import Port
from log_lines import JsonLog

GET = b"GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Behind:
    """What stands in for TorchServe: answers each request with the bytes of its body, and records what arrives."""

    def __init__(self) -> None:
        self.received = b""
        self.connections = 0

    async def __call__(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.received += data
                if b"hang up" in data:
                    break
                if data.endswith((b"\r\n\r\n", b"end")):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()


@pytest.fixture
def run(tmp_path):
    """Run a conversation, `talk(behind, connect)`, with the guard in front of `behind`, and perhaps a log."""

    async def meeting(talk, log):
        behind, path = Behind(), tmp_path / "s"
        port = Port("127.0.0.1", 0, path)
        listener = guard.bind(port)
        listener_address = listener.getsockname()
        async with await asyncio.start_unix_server(behind, path):
            server = await guard.open_port(port, listener, frozenset(), lambda: True, log)
            clients = []

            async def connect():
                reader, writer = await asyncio.open_connection(*listener_address)
                clients.append(writer)
                return reader, writer

            async with server, asyncio.timeout(20):
                await talk(behind, connect)
                for writer in clients:
                    writer.close()
                while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - every relay ends with its client
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.01)

    return lambda talk, log=None: asyncio.run(meeting(talk, log))


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return head + await reader.readexactly(length)


def test_requests_of_a_program_and_their_answers_pass_on_one_connection(run):
    requests = [
        GET,
        b"POST /a HTTP/1.1\r\nContent-Length: 400003\r\n\r\n" + b"GET " * 100_000 + b"end",
        b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;x=y\r\nhello\r\n0a\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
        GET,
    ]

    async def talk(behind, connect):
        reader, writer = await connect()
        for request in requests:
            writer.write(request)
            assert (await answer(reader)).endswith(b"ok")
        assert behind.received == b"".join(requests)
        assert behind.connections == 2  # and the look whether the server listens

    run(talk)


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "after another"])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (
            b"POST /models HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\nContent-Length: 3\r\n\r\nend",
            403,
        ),
        (b"DELETE /models/yolo HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
    ],
)
def test_a_request_that_is_refused_gets_an_answer_and_never_arrives(run, before, request_, status):
    async def talk(behind, connect):
        reader, writer = await connect()
        if before:
            writer.write(before)
            await answer(reader)
        writer.write(request_)
        refused = await answer(reader)
        assert refused.startswith(b"HTTP/1.1 %d " % status)
        assert b'"type": "RequestRefused"' in refused
        assert await reader.read() == b""
        writer.close()
        if status != 400 or b"chunked" not in request_:
            assert behind.received == before

    run(talk)


def test_what_follows_a_refused_request_is_not_read_as_another(run):
    async def talk(behind, connect):
        reader, writer = await connect()
        body = b"DELETE /models/yolo HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(b"POST /models HTTP/1.1\r\nOrigin: null\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert b" 403 " in await answer(reader)
        assert await reader.read() == b""
        assert behind.received == b""

    run(talk)


def test_the_end_of_one_connection_is_the_end_of_the_other(run):
    async def talk(behind, connect):
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\nhang up")
        while await reader.read(1000):
            pass

    run(talk)


def test_until_the_server_listens_its_port_refuses_and_is_taken(tmp_path):
    async def meeting():
        port = Port("127.0.0.1", 0, tmp_path / "s")
        with contextlib.closing(guard.bind(port)) as listener:
            address = listener.getsockname()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            with pytest.raises(OSError, match="in use"), contextlib.closing(socket.socket()) as other:
                other.bind(address)
            assert await guard.open_port(port, listener, frozenset(), lambda: False) is None

    asyncio.run(meeting())


def test_a_taken_port_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        guard.bind(Port("127.0.0.1", other.getsockname()[1], Path("s")))


def test_a_request_is_one_line_of_the_log_with_its_id_and_its_trace(run):
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    start = b"POST /models/yolo/invoke?conf=0.5 HTTP/1.1"
    traceparent = f"traceparent: 00-{trace}-{span}-01".encode()
    asked = b"\r\n".join([start, b"X-Request-ID: a", traceparent, b"Content-Length: 3", b"", b"end"])
    stream = io.BytesIO()

    async def talk(behind, connect):
        reader, writer = await connect()
        for request in (GET, asked, GET, b"POST /last HTTP/1.1\r\n\r\n"):
            writer.write(request)
            await answer(reader)
        writer.write(b"POST /lost HTTP/1.1\r\nContent-Length: 7\r\n\r\nhang up")
        assert await reader.read() == b""

    run(talk, JsonLog(stream))
    first, last, lost = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("duration_ms") >= 0
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "info",
        "logger": "torchserve.access",
        "message": "request",
        "request_id": "a",
        "trace_id": trace,
        "span_id": span,
        "method": "POST",
        "path": "/models/yolo/invoke",
        "status": 200,
        "bytes_in": 3,
        "bytes": 2,
    }
    assert (last["path"], last["status"], "request_id" in last) == ("/last", 200, False)
    assert (lost["path"], lost["status"]) == ("/lost", 499)


def test_a_request_of_a_web_page_is_logged_as_refused(run):
    stream = io.BytesIO()

    async def talk(behind, connect):
        reader, writer = await connect()
        writer.write(b"POST /models HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\n\r\n")
        await answer(reader)

    run(talk, JsonLog(stream))
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"], line["status"]) == ("warning", "request refused", 403)
    assert "web pages" in line["detail"]


def test_requests_that_are_sent_together_are_logged_each(run):
    stream = io.BytesIO()

    async def talk(behind, connect):
        reader, writer = await connect()
        writer.write(b"POST /a HTTP/1.1\r\n\r\n")
        writer.write(b"POST /b HTTP/1.1\r\n\r\n")
        await answer(reader)

    run(talk, JsonLog(stream))
    assert [json.loads(line)["path"] for line in stream.getvalue().splitlines()] == ["/a", "/b"]


def test_the_looks_of_the_gateway_are_logged_at_debug_only(run):
    stream = io.BytesIO()

    async def talk(behind, connect):
        reader, writer = await connect()
        writer.write(GET)
        await answer(reader)

    run(talk, JsonLog(stream, "debug"))
    assert json.loads(stream.getvalue())["level"] == "debug"
