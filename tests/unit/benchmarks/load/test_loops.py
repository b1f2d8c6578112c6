"""The load generator against a tiny real server on loopback."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from benchmarks.load import loops
from benchmarks.load.http_client import RequestFailed
from benchmarks.servers.null_server import BODY, serve_one
from tests.unit.benchmarks.load.connections import serving


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(b"picture %d " % number * 5000)
    return paths


async def requests_of(reader):
    """Yield the body of every request of a connection."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            yield await reader.readexactly(
                next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            )


def answering(delay_s=0.0, status=b"200 OK", body=BODY, lock=None):
    """A handler that answers after a delay; with a lock, one request at a time, as a server with one worker."""

    async def handler(reader, writer):
        async for _ in requests_of(reader):
            if lock:
                async with lock:
                    await asyncio.sleep(delay_s)
            else:
                await asyncio.sleep(delay_s)
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return handler


def test_a_closed_loop_keeps_as_many_requests_in_flight_as_there_are_clients(images):
    now = most = 0

    async def handler(reader, writer):
        nonlocal now, most
        async for _ in requests_of(reader):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async def main():
        async with serving(handler) as target:
            return await loops.closed(target, images, clients=4, warm_s=0.1, seconds=0.4)

    measured = asyncio.run(main())
    assert most == 4
    assert measured.errors == {}
    assert min(measured.latencies_ms) >= 19
    assert 0 < measured.window_s <= 0.5
    assert measured.answered >= len(measured.latencies_ms)


def test_every_image_is_sent_in_turn_and_its_answer_kept(images):
    seen = []

    async def handler(reader, writer):
        async for body in requests_of(reader):
            seen.append(body.split(b"picture ")[1][:1])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[%s]" % seen[-1])
            await asyncio.sleep(0.005)

    async def main():
        async with serving(handler) as target:
            return await loops.closed(target, images, clients=1, warm_s=0.0, seconds=0.3)

    measured = asyncio.run(main())
    assert seen[:6] == [b"0", b"1", b"2"] * 2
    assert measured.answers == {0: "[0]", 1: "[1]", 2: "[2]"}


def test_an_open_loop_counts_the_wait_from_when_a_request_was_due(images):
    # One request at a time takes 50 ms, and 40 a second are sent: the queue grows, and the latencies must show it.
    async def main():
        async with serving(answering(0.05, lock=asyncio.Lock())) as target:
            return await loops.opened(target, images, rate=40, seconds=0.5)

    measured = asyncio.run(main())
    assert measured.answered == 20
    assert measured.latencies_ms[-1] > 300
    assert measured.latencies_ms[0] < measured.latencies_ms[-1]


def test_an_open_loop_sends_due_requests_before_earlier_ones_are_answered(images):
    waiting = 0
    all_there = asyncio.Event()

    async def handler(reader, writer):
        nonlocal waiting
        async for _ in requests_of(reader):
            waiting += 1
            if waiting == 10:
                all_there.set()
            await all_there.wait()  # no answer before the tenth request has arrived
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async def main():
        async with serving(handler) as target:
            return await loops.opened(target, images, rate=40, seconds=0.25)

    measured = asyncio.run(main())
    assert measured.answered == 10
    assert measured.errors == {}


def test_due_times_are_even_and_as_many_as_the_rate_says():
    times = list(loops.due_times(10, 0.5))
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert len(list(loops.due_times(0.1, 1.0))) == 1


def test_error_answers_are_counted_by_status_and_have_no_latency(images):
    async def main():
        async with serving(answering(0.01, status=b"503 Service Unavailable")) as target:
            return await loops.closed(target, images, clients=2, warm_s=0.0, seconds=0.2)

    measured = asyncio.run(main())
    assert measured.errors["503"] > 0
    assert measured.latencies_ms == []


def test_a_dropped_connection_is_an_error_and_the_next_request_opens_another(images):
    dropped = 0

    async def handler(reader, writer):
        nonlocal dropped
        async for _ in requests_of(reader):
            if dropped < 3:
                dropped += 1
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
            await asyncio.sleep(0.005)

    async def main():
        async with serving(handler) as target:
            return await loops.closed(target, images, clients=1, warm_s=0.0, seconds=0.3)

    measured = asyncio.run(main())
    assert measured.errors == {"RequestFailed": 3}
    assert measured.latencies_ms


def test_a_missing_server_is_counted_as_refused(images):
    async def main():
        async with serving(answering()) as target:
            gone = target
        return await loops.closed(gone, images, clients=1, warm_s=0.0, seconds=0.1)

    measured = asyncio.run(main())
    assert measured.errors["Refused"] > 0


def test_a_request_without_an_answer_times_out_and_counts(images):
    async def main():
        async with serving(answering(30)) as target:
            return await loops.opened(target, images, rate=20, seconds=0.2, timeout_s=0.1)

    assert asyncio.run(main()).errors == {"timeout": 4}


def test_alternating_calls_give_one_latency_and_body_per_call_and_target(images):
    async def main():
        async with serving(answering(0.0)) as quick, serving(answering(0.02)) as slow:
            return await loops.alternating([quick, slow], images[0], calls=6, warm=2)

    quick, slow = asyncio.run(main())
    assert len(quick["latencies_ms"]) == len(slow["bodies"]) == 6
    assert len(quick["first_ms"]) == 2, "one more call before each row of five"
    assert min(slow["latencies_ms"]) >= 19


def test_alternating_calls_stop_at_an_error_status(images):
    async def main():
        async with serving(answering(status=b"404 Not Found")) as target:
            await loops.alternating([target], images[0], calls=1)

    with pytest.raises(RequestFailed, match="404"):
        asyncio.run(main())


def test_the_null_server_answers_over_one_connection(images):
    async def main():
        async with serving(serve_one) as target:
            return await loops.closed(target, images, clients=1, warm_s=0.0, seconds=0.1)

    measured = asyncio.run(main())
    assert measured.errors == {}
    assert measured.answers[0] == BODY.decode()


def test_a_unique_target_gets_a_different_image_each_time_and_other_targets_the_same_one(images):
    seen = []

    async def handler(reader, writer):
        async for body in requests_of(reader):
            known = body in seen
            seen.append(body)
            cache = b"HIT" if known else b"MISS"
            writer.write(b"HTTP/1.1 200 OK\r\nX-Cache: %s\r\nContent-Length: 2\r\n\r\n[]" % cache)

    async def main():
        async with serving(handler) as target:
            targets = [replace(target, unique=True), replace(target, unique=True, field=None), target]
            return await loops.alternating(targets, images[0], calls=6, warm=1)

    form, raw, same = asyncio.run(main())
    assert form["cache"] == raw["cache"] == {"MISS": 6}
    assert same["cache"] == {"HIT": 6}
    assert all(images[0].read_bytes() in body for body in seen)
