"""Real sockets to a real process: bodies that come slowly, are refused, or are too many at the same time."""

from __future__ import annotations

import contextlib
import threading
import time
from contextlib import AbstractContextManager
from typing import Any

import psutil
import pytest

from gateway.http import protocol
from gateway.http.protocol import bounded_protocol
from gateway.limits.bodies import Pace
from gateway.settings import Settings
from tests.gateway.conftest import Start
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, serving
from tests.gateway.support.pictures import picture
from tests.gateway.support.scraping import metric_at
from tests.gateway.support.sockets import connect, error_in, head, is_alive, read_all, read_answer
from tests.support import wait_until
from tests.support.endpoints import HTTP

JPEG = picture("JPEG")


def test_the_pace_is_the_strictest_of_whole_gap_and_rate() -> None:
    pace = Pace(whole_s=100, gap_s=10, min_rate=1000)
    assert pace.next_piece_by(started=0, now=0, received=0) == 10
    assert pace.next_piece_by(started=0, now=5, received=1000) == 11, "one second more for a thousand bytes"
    assert pace.next_piece_by(started=0, now=5, received=10**6) == 15, "a gap is a gap however much has come"
    assert pace.next_piece_by(started=0, now=95, received=10**9) == 100
    assert Pace(100, 10, 0).next_piece_by(0, 80, 1) == 90


@pytest.mark.parametrize(
    "variables",
    [
        {"BODY_TIMEOUT_S": "0.6", "BODY_MIN_RATE": "0"},
        {"BODY_GAP_S": "0.5", "BODY_MIN_RATE": "1000000"},
    ],
    ids=["whole", "rate"],
)
def test_a_body_byte_by_byte_is_408_and_the_connection_closed(start: Start, variables: dict[str, str]) -> None:
    url = start(**variables).url()
    with connect(url) as client:
        client.sendall(head(len(JPEG)))
        client.settimeout(0.05)
        answer = b""
        for byte in JPEG:
            try:
                client.sendall(bytes([byte]))
                answer += client.recv(65536)
                break
            except TimeoutError:
                continue
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):  # where the last byte met a closed connection
            answer += read_all(client)
    status, code, message = error_in(answer)
    assert (status, code) == (408, "request_timeout")
    assert "bytes in" in message
    assert b"connection: close" in answer.lower()
    assert is_alive(url)


def test_a_body_that_stops_is_408(start: Start, fake: FakeTorchServe) -> None:
    url = start(BODY_GAP_S="0.4").url()
    with connect(url) as client:
        client.sendall(head(len(JPEG)) + JPEG[:200])
        assert error_in(read_all(client))[:2] == (408, "request_timeout")
    assert fake.predictions == []


def test_the_clock_stops_with_the_last_byte(start: Start, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=2)
    url = start(BODY_GAP_S="0.8", BODY_TIMEOUT_S="1").url()
    assert HTTP.post(f"{url}/predict", content=JPEG, timeout=20).status_code == 200


def test_a_body_that_keeps_up_is_taken_though_it_is_long_under_way(start: Start) -> None:
    url = start(BODY_GAP_S="1.5", BODY_MIN_RATE="100").url()
    with connect(url) as client:
        client.sendall(head(len(JPEG), b"Connection: close\r\n"))
        size = len(JPEG) // 8 + 1
        for begin in range(0, len(JPEG), size):
            client.sendall(JPEG[begin : begin + size])
            time.sleep(0.25)
        assert read_all(client).startswith(b"HTTP/1.1 200")


def test_uploads_share_a_bounded_memory_and_it_comes_back(start: Start, fake: FakeTorchServe) -> None:
    """Many clients send most of a large picture and stop."""
    url = start(UPLOAD_MEMORY_BYTES=str(2_000_000)).url()
    large = JPEG.ljust(1_000_000, b"\0")
    clients = [connect(url) for _ in range(4)]
    refused = 0
    try:
        for client in clients:
            client.sendall(head(len(large)) + large[:-1000])
        wait_until(lambda: metric_at(url, "gateway_upload_bytes") > 1_000_000, "the uploads arrive")
        assert metric_at(url, "gateway_upload_bytes") <= 2_000_000
        for client in clients:
            client.settimeout(2)
            try:
                status, code, message = error_in(read_answer(client))
            except TimeoutError:
                continue
            assert (status, code) == (503, "overloaded")
            assert "uploads" in message
            refused += 1
        assert refused >= 2
        assert metric_at(url, "gateway_upload_bytes") <= 2_000_000
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: metric_at(url, "gateway_upload_bytes") == 0, "the memory is free again")
    answer = HTTP.post(f"{url}/predict", content=large, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200
    assert len(fake.predictions) == 1


def test_the_process_stays_within_its_memory_under_a_hundred_slow_uploads_of_20_megabytes(start: Start) -> None:
    gateway = start()
    url = gateway.url()
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    large = JPEG.ljust(20_000_000, b"\0")
    clients = []
    grown = held = 0.0
    try:
        for _ in range(100):
            client = connect(url)
            client.settimeout(0.2)
            clients.append(client)
            with contextlib.suppress(OSError):  # refused, or not read any further
                client.sendall(head(len(large)) + large[:-1000])
            grown = max(grown, process.memory_info().rss - before)
            held = max(held, metric_at(url, "gateway_upload_bytes"))
        assert is_alive(url)
    finally:
        for client in clients:
            client.close()
    # 256 MiB of bodies, once; what is refused is not kept.
    assert 0.9 * 268_435_456 < held <= 268_435_456, "the uploads were as many as are taken"
    assert grown < 2.2 * 268_435_456, f"{grown / 2**20:.0f} MiB"


def bounded(app: Any, **limits: object) -> AbstractContextManager[str]:
    """Run any application under the gateway's protocol."""
    return serving(app, http=bounded_protocol(Settings(**limits)))  # type: ignore[arg-type]


async def refusing(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer without a look at the body."""
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


def test_the_rest_of_a_refused_body_is_read_for_a_while_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", 0.6)
    with bounded(refusing) as url, connect(url) as client:
        client.sendall(head(10_000_000) + b"a" * 1000)
        client.settimeout(0.05)
        answer = b""
        with contextlib.suppress(ConnectionError):
            for _ in range(200):  # drop by drop, as uvicorn alone would bear for ever
                with contextlib.suppress(TimeoutError):
                    client.sendall(b"a")
                    if not (piece := client.recv(1000)):
                        break
                    answer += piece
            else:
                pytest.fail("it was still there after ten seconds")
        assert answer.startswith(b"HTTP/1.1 413")


def test_a_refused_body_that_ends_leaves_a_connection_that_can_be_used_and_is_not_kept_for_ever() -> None:
    with bounded(refusing, header_timeout_s=0.5) as url, connect(url) as client:
        for _ in range(2):
            client.sendall(head(2000) + b"a" * 1000)
            answer = b""
            while not answer.endswith(b"\r\n\r\nno"):
                answer += client.recv(1000)
            assert answer.startswith(b"HTTP/1.1 413")
            client.sendall(b"a" * 1000)
        client.settimeout(10)
        assert client.recv(1000) == b""


def test_a_refused_body_that_ends_together_with_the_next_request_leaves_a_connection_that_can_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", 0.3)
    request, rest = head(2000) + b"a" * 1000, b"a" * 1000
    with bounded(refusing) as url, connect(url) as client:

        def send_and_read(data: bytes) -> None:
            client.sendall(data)
            answer = b""
            while not answer.endswith(b"\r\n\r\nno"):
                piece = client.recv(1000)
                assert piece, "the connection was closed"
                answer += piece

        send_and_read(request)
        send_and_read(rest + request)
        client.sendall(rest)
        time.sleep(0.6)
        send_and_read(head(0))


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    gone = threading.Event()

    async def large(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": b"a" * 1_000_000, "more_body": True})
        gone.set()

    with bounded(large, send_timeout_s=0.5) as url, connect(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert gone.wait(15), "the application is not held up by a client that does not read"
        client.settimeout(10)
        received = 0
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(1_000_000):
                received += len(chunk)
        assert received < 200_000_000


def test_a_reader_that_is_slow_but_reads_gets_everything() -> None:
    async def large(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"12000000")]})
        await send({"type": "http.response.body", "body": b"a" * 12_000_000})

    with bounded(large, send_timeout_s=0.5) as url, connect(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = 0
        while chunk := client.recv(400_000):
            received += len(chunk)
            time.sleep(0.05)
    assert received > 12_000_000
