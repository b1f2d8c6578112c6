"""CACHE=redis against a real redis-server: shared by gateways, and harmless when it is slow, full or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway import redis as client_of_redis
from gateway.settings import Settings
from tests.gateway.conftest import SettingsMaker, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.gateway.support.scraping import metric
from tests.support.services import RedisServer, redis_server

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
LOGGER = "gateway.cache"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def with_redis(settings: SettingsMaker, redis: RedisServer) -> SettingsMaker:
    # Generous, so that a busy machine is not taken for a slow Redis.
    return lambda **changed: settings(**{"cache": "redis", "redis_url": redis.url, "cache_timeout_s": 1.0, **changed})


def other(number: int) -> bytes:
    return JPEG + number.to_bytes(4)


async def status(client: httpx.AsyncClient, body: bytes = JPEG) -> str:
    response = await client.post("/predict", content=body)
    assert response.status_code == 200, response.text
    assert len(response.json()["detections"]) == 2
    return response.headers["x-cache"]


async def until_remembered(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while await status(client) != "HIT":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def until_stored(redis: RedisServer, count: int = 1) -> None:
    """Storing begins when the answer is out."""
    async with asyncio.timeout(20):
        while int(redis.command("DBSIZE")[1:]) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def until_counted(client: httpx.AsyncClient, name: str, count: float, **labels: str) -> None:
    """Storing goes on when the answer is out."""
    async with asyncio.timeout(20):
        while await metric(client, name, **labels) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


async def test_two_gateways_share_answers_and_each_has_an_end(
    with_redis: SettingsMaker, fake: FakeTorchServe, redis: RedisServer
) -> None:
    async with running_app(with_redis(cache_ttl_s=600)) as (_, one), running_app(with_redis()) as (_, two):
        assert await status(one) == "MISS"
        await until_stored(redis)
        assert await status(two) == "HIT"
        assert await status(one) == "HIT"
    assert len(fake.predictions) == 1
    _, key = redis.command("KEYS", "*").decode().split("\r\n", 1)
    key = key.split("\r\n")[1]
    assert key.startswith("yolo-serving:cache:1:")
    assert 500 < int(redis.command("TTL", key)[1:]) <= 600


async def test_who_finds_every_connection_taken_waits_for_one(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_of_redis, "MAX_CONNECTIONS", 2)
    client = client_of_redis.create_redis(redis.url, 5)

    async def one(number: int) -> bytes | None:
        await client.set(f"n{number}", number)
        found: bytes | None = await client.get(f"n{number}")
        return found

    async with asyncio.timeout(20):
        given_up = asyncio.create_task(one(0))
        asking = [asyncio.create_task(one(number)) for number in range(1, 40)]
        await asyncio.sleep(0)
        given_up.cancel()
        assert await asyncio.gather(*asking) == [b"%d" % number for number in range(1, 40)]
        assert int((await client.info("clients"))["connected_clients"]) <= 3
    await client.aclose()


async def test_an_answer_ends_with_its_time(with_redis: SettingsMaker, fake: FakeTorchServe) -> None:
    async with running_app(with_redis(cache_ttl_s=2.5)) as (_, client):
        assert [await status(client) for _ in range(2)] == ["MISS", "HIT"]
        await asyncio.sleep(2.6)
        assert await status(client) == "MISS"


async def test_a_redis_that_is_killed_and_comes_back_costs_no_answer(
    with_redis: SettingsMaker, fake: FakeTorchServe, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", LOGGER)
    async with running_app(with_redis()) as (_, client):
        assert [await status(client) for _ in range(2)] == ["MISS", "HIT"]
        await until_stored(redis)
        redis.kill()
        assert {await status(client, other(n)) for n in range(10)} == {"MISS"}
        assert await metric(client, "gateway_cache_store_up") == 0
        # Three in a row, then one for each pause, however long the ten take: not ten that look and ten that store.
        assert 3 <= await metric(client, "gateway_cache_errors_total", kind="unreachable") < 10
        assert len(told(caplog)) == 1, "said once"
        assert "every answer comes from the model server" in told(caplog)[0]
        redis.start()
        await until_remembered(client)
        assert await metric(client, "gateway_cache_store_up") == 1
        assert told(caplog)[1:] == ["Redis can be used again"]


async def test_a_redis_that_hangs_is_waited_for_a_moment_and_then_left_alone(
    with_redis: SettingsMaker, fake: FakeTorchServe, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", LOGGER)
    async with running_app(with_redis(cache_timeout_s=0.05)) as (_, client):
        await status(client)
        redis.pause()
        try:
            responses = await asyncio.gather(*(status(client, other(n)) for n in range(30)))
            responses += [await status(client, other(number)) for number in range(30)]
        finally:
            redis.resume()
        assert set(responses) == {"MISS"}
        # 30 waited together once, then one for each pause: far from 60 that look and 60 that store.
        assert 3 <= await metric(client, "gateway_cache_errors_total", kind="timeout") < 50
        assert len(told(caplog)) == 1
        await until_remembered(client)


async def test_a_hanging_redis_that_wakes_up_never_answers_the_wrong_question(
    with_redis: SettingsMaker, fake: FakeTorchServe, redis: RedisServer
) -> None:
    def by_picture(asked: Any) -> Answer:
        number = int.from_bytes(asked.body[-4:])
        return Answer([{**STREET, "boxes": [{"xyxy": [0, 0, 1, number], "conf": 1, "cls": 0, "name": "n"}]}])

    async def number_of(client: httpx.AsyncClient, number: int) -> float:
        (found,) = (await client.post("/predict", content=other(number))).json()["detections"]
        return float(found["bbox"][3])

    fake.predict = by_picture
    async with running_app(with_redis(cache_timeout_s=0.02)) as (_, client):
        for round_ in range(6):
            if round_ % 2:
                redis.pause()
            tasks = [asyncio.create_task(number_of(client, n)) for n in range(20)]
            await asyncio.sleep(0.01)
            for task in tasks[::3]:
                task.cancel()  # clients that leave in the middle of a question
            await asyncio.sleep(0.03)
            redis.resume()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(f, asyncio.CancelledError) or f == n for n, f in enumerate(found)), found
            await asyncio.sleep(1.1 if round_ % 2 else 0)  # the breaker lets the next round in


async def test_a_full_redis_keeps_answering_from_what_it_has(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", LOGGER)
    with redis_server("--maxmemory", "2mb", "--maxmemory-policy", "noeviction") as redis:
        async with running_app(settings(cache="redis", redis_url=redis.url, cache_timeout_s=1)) as (_, client):
            assert await status(client) == "MISS"
            await until_stored(redis)
            redis.command("CONFIG", "SET", "maxmemory", "1")
            # Each another: while it is tried to store one, who asks for the same gets it from there.
            assert [await status(client, other(n)) for n in (1, 2, 3)] == ["MISS"] * 3
            assert await status(client) == "HIT"
            await until_counted(client, "gateway_cache_errors_total", 3, kind="refused")
            assert await metric(client, "gateway_cache_store_up") == 1
            redis.command("CONFIG", "SET", "maxmemory", "0")
            assert [await status(client, other(4)) for _ in range(2)] == ["MISS", "HIT"]
            await until(lambda: len(told(caplog)) == 2)
    assert told(caplog) == ["Redis takes no new answers; those it has are used", "Redis takes new answers again"]


async def test_a_redis_that_evicts_only_forgets(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    with redis_server("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru") as redis:
        async with running_app(settings(cache="redis", redis_url=redis.url, cache_timeout_s=1)) as (_, client):
            fake.predict = lambda asked: Answer([{**STREET, "padding": "x" * 50_000}])
            for number in range(100):
                assert await status(client, other(number)) == "MISS"
            assert await status(client, other(99)) == "HIT"
            assert await metric(client, "gateway_cache_errors_total") == 0
        assert int(redis.command("DBSIZE")[1:]) < 100, "some had to make room"


async def until_missed(client: httpx.AsyncClient) -> None:
    """Ask until an answer is a miss: requests share an answer for a moment longer than storing it takes."""
    async with asyncio.timeout(20):
        while await status(client) != "MISS":  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_invalid_value_under_a_key_is_asked_for_again(
    with_redis: SettingsMaker, fake: FakeTorchServe, redis: RedisServer
) -> None:
    async with running_app(with_redis()) as (_, client):
        await status(client)
        await until_stored(redis)
        key = redis.command("RANDOMKEY").decode().split("\r\n")[1]
        redis.command("SET", key, '{"t":"rubbish"}')
        await until_missed(client)
        assert await metric(client, "gateway_cache_errors_total", kind="corrupt") == 1
        await until(lambda: b"rubbish" not in redis.command("GET", key))
        assert await status(client) == "HIT"
        redis.command("DEL", key)
        redis.command("LPUSH", key, "a list")
        await until_missed(client)


async def test_an_enormous_answer_is_not_kept(
    with_redis: SettingsMaker, fake: FakeTorchServe, redis: RedisServer
) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "masks": "x" * 1_100_000}])
    async with running_app(with_redis()) as (_, client):
        assert await status(client) == "MISS"
        await asyncio.sleep(0.1)  # who asks for the same while the answer leaves has a share in it
        assert await status(client) == "MISS"
    assert redis.command("DBSIZE") == b":0"


async def test_a_wrong_password_is_told_without_the_right_one(
    settings: SettingsMaker, fake: FakeTorchServe, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server("--requirepass", "right") as redis:
        port = redis.port
        wrong = settings(cache="redis", redis_url=f"redis://:wrong-secret@127.0.0.1:{port}/0", cache_timeout_s=1)
        async with running_app(wrong) as (_, client):
            assert {await status(client, other(n)) for n in range(4)} == {"MISS"}
        assert len(told(caplog)) == 1
        assert "wrong-secret" not in str([vars(record) for record in caplog.records])
        right = settings(cache="redis", redis_url=f"redis://:right@127.0.0.1:{port}/0", cache_timeout_s=1)
        async with running_app(right) as (_, client):
            assert [await status(client) for _ in range(2)] == ["MISS", "HIT"]


async def test_the_cache_may_have_a_redis_of_its_own(
    settings: SettingsMaker, fake: FakeTorchServe, redis: RedisServer, unused_url: str
) -> None:
    elsewhere: Settings = settings(
        cache="redis", redis_url=unused_url.replace("http", "redis"), cache_redis_url=redis.url, cache_timeout_s=1
    )
    async with running_app(elsewhere) as (_, client):
        assert [await status(client) for _ in range(2)] == ["MISS", "HIT"]
