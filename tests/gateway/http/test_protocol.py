"""Real sockets to a real process: what comes before a body, and what never comes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.gateway.conftest import Start
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.gateway_process import gateway_path, gateway_process
from tests.gateway.support.pictures import picture
from tests.gateway.support.sockets import connect, error_in, head, is_alive, read_all, read_answer
from tests.support import wait_until
from tests.support.endpoints import HTTP

JPEG = picture("JPEG")


@pytest.fixture(scope="module")
def _plain(_running: tuple[FakeTorchServe, str]) -> Iterator[str]:
    with _gateway(_running) as url:
        yield url


@pytest.fixture
def plain(_plain: str, fake: FakeTorchServe) -> str:
    """The URL of a gateway with the default settings, which many tests share."""
    return _plain


@pytest.fixture(scope="module")
def _small_heads(_running: tuple[FakeTorchServe, str]) -> Iterator[str]:
    with _gateway(_running, MAX_HEADER_BYTES="4096") as url:
        yield url


@pytest.fixture
def small_heads(_small_heads: str, fake: FakeTorchServe) -> str:
    """The URL of a gateway that bounds heads to 4096 bytes, which several tests share."""
    return _small_heads


def _gateway(running: tuple[FakeTorchServe, str], **variables: str) -> AbstractContextManager[str]:
    _, url = running
    return gateway_process(TORCHSERVE_INFERENCE_URL=url, TORCHSERVE_MANAGEMENT_URL=url, **variables)


def test_headers_byte_by_byte_end_in_408_however_steadily_they_come(start: Start) -> None:
    url = start(HEADER_TIMEOUT_S="0.5").url()
    with connect(url) as client:
        client.settimeout(0.02)
        answer = b""
        for byte in b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + b"X-Slow: " + b"a" * 2000:
            try:
                client.sendall(bytes([byte]))
                answer += client.recv(65536)
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("it was let go on for half a minute")
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):  # a byte that was on the way when the gateway closed
            while chunk := client.recv(65536):
                answer += chunk
        assert error_in(answer)[:2] == (408, "request_timeout")
    assert is_alive(url)


def test_a_connection_without_a_request_is_closed(start: Start) -> None:
    with connect(start(HEADER_TIMEOUT_S="0.3").url()) as client:
        assert read_all(client) == b""


def test_the_clock_runs_for_a_second_request_on_the_same_connection_too(start: Start) -> None:
    url = start(HEADER_TIMEOUT_S="0.5").url()
    whole = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(url) as client:
        for _ in range(3):  # whole ones are answered, also past the time for one
            client.sendall(whole)
            assert read_answer(client).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)
        client.sendall(whole[:20])
        assert error_in(read_all(client))[0] == 408


def test_an_idle_kept_connection_is_not_cut_by_it(start: Start) -> None:
    url = start(HEADER_TIMEOUT_S="0.2").url()
    with connect(url) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200")
        time.sleep(0.6)
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("pieces", [1, 40], ids=["at once", "in pieces"])
def test_a_head_above_its_limit_is_431(small_heads: str, pieces: int) -> None:
    large = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"a" * 8000 + b"\r\n\r\n"
    with connect(small_heads) as client:
        size = len(large) // pieces + 1
        try:
            for begin in range(0, len(large), size):
                client.sendall(large[begin : begin + size])
                time.sleep(0.01)
        except OSError:
            pass  # it has heard enough
        answer = read_answer(client)
    status, code, message = error_in(answer)
    assert (status, code) == (431, "headers_too_large")
    assert "4096 bytes" in message
    assert is_alive(small_heads)


def test_too_many_headers_are_431_and_a_long_address_414(start: Start) -> None:
    url = start(MAX_HEADERS="20", MAX_QUERY_BYTES="300").url()
    many = HTTP.get(f"{url}/models", headers={f"X-{n}": "a" for n in range(30)})
    assert (many.status_code, many.json()["error"]["code"]) == (431, "headers_too_large")
    for target in (f"/predict?classes={'a' * 300}", f"/{'a' * 300}"):
        long = HTTP.post(f"{url}{target}", content=JPEG)
        assert (long.status_code, long.json()["error"]["code"]) == (414, "uri_too_long")
        assert "300 bytes" in long.json()["error"]["message"]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ],
    ids=[
        "TLS",
        "no HTTP",
        "no host",
        "two hosts",
        "two lengths",
        "a negative length",
        "a strange coding",
        "a NUL",
        "HTTP/2",
        "a strange method",
        "a tunnel",
        "no path",
        "no ASCII",
        "a folded header",
        "a length and chunks",
    ],
)
def test_what_is_not_a_valid_request_is_400_and_its_connection_closed(plain: str, sent: bytes) -> None:
    with connect(plain) as client:
        client.sendall(sent)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"\r\n\r\n") == 1, "nothing that follows is answered"
    assert is_alive(plain)


def answers_in(received: bytes) -> list[tuple[int, str]]:
    """Tell answers with JSON bodies apart: status and request id of each."""
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ") for line in head.split(b"\r\n")[1:])
        answers.append((int(head.split()[1]), headers[b"x-request-id"].decode()))
        received = rest[int(headers[b"content-length"]) :]
    return answers


def live(name: str, more: str = "") -> bytes:
    return f"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {name}\r\n{more}\r\n".encode()


def test_requests_sent_at_once_are_answered_in_order_and_what_is_none_ends_the_connection(plain: str) -> None:
    picture_then = head(len(JPEG), b"X-Request-ID: picture\r\n") + JPEG
    with connect(plain) as client:
        client.sendall(picture_then + live("second") + live("third") + b"nonsense\r\n\r\n")
        received = read_all(client)
    assert answers_in(received) == [(200, "picture"), (200, "second"), (200, "third")]


def test_a_waiting_request_with_an_invalid_body_is_dropped(plain: str) -> None:
    chunked = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n"
    with connect(plain) as client:
        client.sendall(head(len(JPEG), b"X-Request-ID: picture\r\n") + JPEG + chunked)
        statuses = [status for status, _ in answers_in(read_all(client))]
    assert statuses == [200]


def test_only_some_requests_may_wait_for_the_one_before_them(plain: str) -> None:
    with connect(plain) as client:
        client.sendall(b"".join(live(f"n{number}") for number in range(100)))
        answers = answers_in(read_all(client))
    assert answers == [(200, f"n{number}") for number in range(17)]


def test_an_upgrade_is_ignored_with_a_body_and_with_a_request_behind_it(plain: str) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    with connect(plain) as client:
        client.sendall(
            live("first", upgrade.decode())
            + head(len(JPEG), upgrade + b"X-Request-ID: second\r\n")
            + JPEG
            + live("third", "Connection: close\r\n")
        )
        assert answers_in(read_all(client)) == [(200, "first"), (200, "second"), (200, "third")]


@pytest.mark.parametrize(
    "endless", [b"3;" + b"x" * 1000, b"0\r\nX-After: " + b"x" * 1000, b"0\r\n" + b"X: y\r\n" * 200], ids=repr
)
def test_what_stands_between_chunks_and_after_them_is_bounded(small_heads: str, endless: bytes) -> None:
    with connect(small_heads) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
        time.sleep(0.5)  # the bound is on bytes that arrive after the last that was understood
        for _ in range(10):
            time.sleep(0.02)
            try:
                client.sendall(endless)
            except OSError:
                break  # it has heard enough
            endless = endless.replace(b"0\r\n", b"")
        answer = read_all(client)
    assert error_in(answer)[:2] == (431, "headers_too_large")
    assert is_alive(small_heads)


def test_a_head_within_its_limit_is_taken_however_much_of_the_body_comes_with_it(small_heads: str) -> None:
    large = JPEG.ljust(60_000, b"\0")
    with connect(small_heads) as client:
        for _ in range(3):
            client.sendall(head(len(large), b"X-Large: " + b"a" * 3500 + b"\r\n") + large)
            assert read_answer(client).startswith(b"HTTP/1.1 200")


def test_spaces_around_a_value_and_what_follows_the_chunks_mean_nothing(plain: str) -> None:
    with connect(plain) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
            b"X-Request-ID:  mine \t \r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%x\r\n%b\r\n0\r\nX-Request-ID: other\r\n\r\n" % (len(JPEG), JPEG) + live("next", "Connection: close\r\n")
        )
        assert answers_in(read_all(client)) == [(200, "mine"), (200, "next")]


def test_blank_lines_keep_no_connection_open(start: Start) -> None:
    with connect(start(HEADER_TIMEOUT_S="0.5").url()) as client:
        client.sendall(live("first"))
        assert read_answer(client).startswith(b"HTTP/1.1 200")
        for _ in range(40):
            try:
                client.sendall(b"\r\n")
            except OSError:
                break
            time.sleep(0.05)
        else:
            pytest.fail("it was kept for two seconds")


def test_a_client_that_leaves_takes_all_it_asked_with_it(plain: str, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=60)
    with connect(plain) as client:
        client.sendall((head(len(JPEG)) + JPEG) * 2)
        wait_until(lambda: len(fake.predictions) == 1, "the first is asked")
    wait_until(lambda: fake.abandoned == 1, "nobody waits for it")
    assert len(fake.predictions) == 1


def test_a_chunk_that_is_none_ends_the_request_without_a_traceback(start: Start) -> None:
    gateway = start()
    url = gateway.url()
    with connect(url) as client:
        chunked = (
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.sendall(chunked + b"5\r\nabcde\r\n")
        time.sleep(0.2)
        client.sendall(b"this is no length\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 400 ")
    assert is_alive(url)
    gateway.process.terminate()
    _, out, err = gateway.end()
    assert "Traceback" not in out + err
    assert '"error": "client_closed"' in out


def test_connections_above_the_limit_are_told_so_and_room_comes_back(start: Start) -> None:
    url = start(MAX_CLIENTS="3").url()
    kept = [connect(url) for _ in range(3)]
    for client in kept:
        client.sendall(b"GET /health/live HTTP/1.1\r\n")  # and more is to come
    time.sleep(0.2)
    with connect(url) as fourth:
        answer = read_all(fourth)
        assert error_in(answer)[:2] == (503, "overloaded")
        assert b"retry-after: 1" in answer
    for client in kept:
        client.sendall(b"Host: localhost\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200"), "those that were there are not disturbed"
        client.close()
    wait_until(lambda: is_alive(url), "there is room again")


def test_connections_that_are_only_kept_make_room_for_new_ones(start: Start) -> None:
    url = start(MAX_CLIENTS="3").url()
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    clients = [connect(url) for _ in range(3)]
    for client in clients:
        client.sendall(request)
        assert read_answer(client).startswith(b"HTTP/1.1 200")
    for _ in range(10):
        clients.append(connect(url))
        clients[-1].sendall(request)
        assert read_answer(clients[-1]).startswith(b"HTTP/1.1 200")
    for client in clients:
        client.close()


def test_an_upgrade_is_ignored_and_costs_no_line_in_the_log(start: Start) -> None:
    gateway = start()
    url = gateway.url()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    assert HTTP.get(f"{url}/health/live", headers=upgrade).status_code == 200
    gateway.process.terminate()
    _, out, _ = gateway.end()
    assert "pgrade" not in out


def test_as_many_files_may_be_open_as_connections() -> None:
    script = (
        "import resource as r; from gateway.__main__ import allow_open_files as allow;"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (100, hard)); allow(300);"
        "assert r.getrlimit(r.RLIMIT_NOFILE) == (300, hard); allow(200);"
        "assert r.getrlimit(r.RLIMIT_NOFILE) == (300, hard); r.setrlimit(r.RLIMIT_NOFILE, (100, 150)); allow(300);"
        "assert r.getrlimit(r.RLIMIT_NOFILE) == (150, 150)"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": gateway_path()}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "fewer files" in done.stderr
