"""Groups of clients against a tiny real server on loopback."""

import asyncio
from collections import Counter

import pytest

from benchmarks.load.crowd import Group, crowd
from tests.unit.benchmarks.load.connections import serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"picture " * 2000)
    return [path]


async def heads_of(reader):
    """Yield the head of every request of a connection, with its body read."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")]
            await reader.readexactly(*lengths or [0])
            yield head
    except (asyncio.IncompleteReadError, ConnectionError):
        return


def run(handler, images, groups, seconds, patience_s=5.0, **around):
    async def main():
        async with serving(handler) as target:
            return await crowd(target, images, groups, seconds, patience_s, **around)

    return asyncio.run(main())


def test_an_open_group_sends_all_its_requests_whatever_comes_back(images):
    now = most = 0

    async def handler(reader, writer):
        nonlocal now, most
        async for _ in heads_of(reader):
            now += 1
            most = max(most, now)
            await asyncio.sleep(30)

    found = run(handler, images, [Group("all", rate=200)], seconds=0.5, patience_s=2.0)
    outcomes = found["groups"]["all"]
    assert Counter(kind for _, _, kind in outcomes) == {"timeout": 100}
    assert most == 100, "no queue in the client holds requests back"
    assert [due for due, _, _ in sorted(outcomes)] == pytest.approx([number / 200 for number in range(100)], abs=1e-3)


def test_answers_and_refusals_are_recorded_with_their_duration_from_the_due_time(images):
    turns = 0

    async def handler(reader, writer):
        nonlocal turns
        async for _ in heads_of(reader):
            turns += 1
            if turns % 2:
                await asyncio.sleep(0.1)
                writer.write(OK)
            else:
                writer.write(FULL)

    found = run(handler, images, [Group("all", rate=20)], seconds=0.5)
    took = {kind: [ms for _, ms, one in found["groups"]["all"] if one == kind] for kind in ("200", "503")}
    assert {kind: len(values) for kind, values in took.items()} == {"200": 5, "503": 5}
    assert min(took["200"]) >= 99


def test_groups_are_told_apart_by_address_and_headers_and_recorded_one_by_one(images):
    seen = set()

    async def handler(reader, writer):
        address = writer.get_extra_info("peername")[0]
        async for head in heads_of(reader):
            seen.add((address, b"x-request-timeout: 1\r\n" in head))
            await asyncio.sleep(0.01)
            writer.write(OK)

    groups = [
        Group("many", clients=3, source="127.0.0.3"),
        Group("few", clients=1, source="127.0.0.2", headers=(("X-Request-Timeout", "1"),)),
    ]
    found = run(handler, images, groups, seconds=0.3)
    assert seen == {("127.0.0.3", False), ("127.0.0.2", True)}
    assert {kind for one in found["groups"].values() for _, _, kind in one} == {"200"}
    assert len(found["groups"]["many"]) > len(found["groups"]["few"]) > 0


def test_bystanders_hold_idle_and_slow_connections_open_among_the_load(images):
    async def handler(reader, writer):
        async for _ in heads_of(reader):
            writer.write(OK)

    found = run(handler, images, [Group("all", clients=1)], seconds=0.3, idle=60, slow=2)["bystanders"]
    assert (found["idle"], found["idle_opened"], found["idle_open_after"]) == (60, 60, 60)
    assert (found["slow"], found["slow_ended"]) == (2, {})


def test_a_slow_sender_that_is_cut_off_is_counted_by_its_answer(images):
    async def handler(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length" not in head:
            writer.write(OK)
            return
        body = await reader.read(1 << 20)
        whole = len(body) > 1000
        writer.write(OK if whole else b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    found = run(handler, images, [Group("all", clients=1)], seconds=1.0, slow=2)["bystanders"]
    assert found["slow_ended"]["408"] >= 2


def test_a_refused_client_of_a_closed_group_waits_as_the_server_says(images):
    async def handler(reader, writer):
        async for _ in heads_of(reader):
            writer.write(FULL.replace(b"\r\n\r\n", b"\r\nRetry-After: 7\r\n\r\n"))

    found = run(handler, images, [Group("all", clients=3)], seconds=0.3)
    assert [kind for _, _, kind in found["groups"]["all"]] == ["503"] * 3
