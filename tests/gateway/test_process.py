"""``python -m gateway`` as a process: how it starts, refuses to start, and stops."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading

import httpx
import pytest

from gateway.__main__ import listen
from tests.gateway.conftest import Start
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.support.services import redis_server

JPEG = picture("JPEG")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_the_request_in_flight_and_exits_with_0(
    start: Start, fake: FakeTorchServe, stop: signal.Signals
) -> None:
    asked = threading.Event()

    def slowly(_: object) -> Answer:
        asked.set()
        return Answer([STREET], delay_s=1.5)

    fake.predict = slowly
    gateway = start()
    url = gateway.url()
    answers: list[httpx.Response] = []
    request = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{url}/predict", content=JPEG, timeout=20, trust_env=False))
    )
    request.start()
    assert asked.wait(10)
    gateway.process.send_signal(stop)
    gateway.wait_until("Shutting down")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/health/live", trust_env=False)  # nothing new is taken
    request.join(20)
    code, out, err = gateway.end()
    assert [response.status_code for response in answers] == [200]
    assert (code, err) == (0, "")
    assert "Traceback" not in out


def test_past_the_grace_period_it_stops_all_the_same(start: Start, fake: FakeTorchServe) -> None:
    asked = threading.Event()

    def never(_: object) -> Answer:
        asked.set()
        return Answer([STREET], delay_s=25)

    fake.predict = never
    gateway = start(SHUTDOWN_GRACE_S="1")
    url = gateway.url()

    def post() -> None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{url}/predict", content=JPEG, timeout=20, trust_env=False)

    request = threading.Thread(target=post)
    request.start()
    assert asked.wait(10)
    gateway.process.terminate()
    code, _, _ = gateway.end()
    request.join(20)
    assert code == 0


def test_every_line_is_json_and_a_request_is_on_one_with_its_id(start: Start) -> None:
    gateway = start()
    url = gateway.url()
    response = httpx.post(
        f"{url}/predict", files={"file": JPEG}, headers={"X-Request-ID": "my-id"}, trust_env=False, timeout=20
    )
    assert response.status_code == 200
    assert "server" not in response.headers
    gateway.process.terminate()
    code, out, err = gateway.end()
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    (access,) = [line for line in lines if line["logger"] == "gateway.access"]
    assert (access["request_id"], access["path"], access["status"]) == ("my-id", "/predict", 200)


def test_the_first_thing_it_ever_gets_may_be_no_picture(start: Start) -> None:
    # In a process of its own: formats that Pillow learns on the way would hide what it does not know at first.
    response = httpx.post(f"{start().url()}/predict", content=b"hello " * 99, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_image")


def test_a_bad_setting_is_exit_2_and_names_the_variable(start: Start) -> None:
    code, out, err = start(READ_TIMEOUT_S="soon", LOG_LEVEL="LOUD").end()
    assert (code, out) == (2, "")
    assert "READ_TIMEOUT_S='soon': " in err
    assert "LOG_LEVEL='LOUD': " in err
    assert "Traceback" not in err


def test_an_unknown_backend_is_exit_2_and_names_the_known_ones(start: Start) -> None:
    code, _, err = start(BACKEND="triton").end()
    assert code == 2
    assert "BACKEND='triton': known are torchserve, oip" in err


def test_a_taken_port_is_exit_3_and_says_what_to_do(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = start(GATEWAY_PORT=str(port)).end()
    assert code == 3
    assert f"127.0.0.1:{port}" in err
    assert "GATEWAY_PORT" in err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_answers_are_not_held_back_by_nagles_algorithm(host: str) -> None:
    with listen(host, 0) as listener:
        # asyncio sets TCP_NODELAY only on sockets that name their protocol.
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_whoever_sends_the_same_picture_again_gets_what_is_remembered(
    start: Start, fake: FakeTorchServe, kind: str
) -> None:
    with contextlib.ExitStack() as stack:
        where = {"REDIS_URL": stack.enter_context(redis_server()).url} if kind == "redis" else {}
        url = start(CACHE=kind, CACHE_TIMEOUT_S="5", **where).url()
        photo = picture("JPEG", size=(1280, 960))
        with httpx.Client(trust_env=False, timeout=20) as client:
            assert client.post(f"{url}/predict", content=photo).headers["x-cache"] == "MISS"
            for _ in range(120):  # their log lines must fit into the pipe that nobody reads
                assert client.post(f"{url}/predict", content=photo).headers["x-cache"] == "HIT"
    # How quick that is, `scripts/bench.sh --overhead` says.
    assert len(fake.predictions) == 1


def test_a_cache_without_an_address_is_exit_2(start: Start) -> None:
    code, _, err = start(CACHE="redis").end()
    assert code == 2
    assert "CACHE=redis needs an address: set CACHE_REDIS_URL or REDIS_URL" in err
    assert "Traceback" not in err
