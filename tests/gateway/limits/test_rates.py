"""Rates per caller: counted here or in a real Redis for all gateways, and never in the way of the service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from limits import parse, parse_many
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.caller import caller_of
from gateway.http.policy import policy_for
from gateway.limits import rate_counters
from gateway.limits.rate_windows import MemoryWindows
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.auth import add_key, bearer
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.support import Clock
from tests.support.services import RedisServer, redis_server

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


@pytest.fixture(scope="module")
def _redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(_redis: RedisServer) -> Iterator[RedisServer]:
    """A real Redis, running and empty, whatever the test before did to it."""
    yield _redis
    assert _redis.process is not None
    if _redis.process.poll() is not None:
        _redis.start()
    _redis.resume()
    assert _redis.command("FLUSHALL") == b"+OK"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not taken for a Redis that does not answer."""
    monkeypatch.setattr(rate_counters, "REDIS_TIMEOUT_S", 60.0)


@pytest.fixture
async def limited(settings: SettingsMaker) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(rate_limit="3/minute")) as (_, client):
        yield client


async def test_a_burst_is_taken_whole_and_requests_come_back_one_by_one() -> None:
    clock = Clock()
    limiter = SlidingWindowCounterRateLimiter(MemoryWindows(clock=clock))
    rate = parse("10/minute")
    assert [await limiter.hit(rate, "a") for _ in range(11)] == [True] * 10 + [False]
    clock.now += 59
    assert not await limiter.hit(rate, "a")
    clock.now += 1.001
    assert await limiter.hit(rate, "a")
    assert not await limiter.hit(rate, "a"), "not all ten at once at the next full minute"
    clock.now += 30
    assert [await limiter.hit(rate, "a") for _ in range(6)] == [True] * 5 + [False]
    clock.now += 120
    assert [await limiter.hit(rate, "a") for _ in range(11)] == [True] * 10 + [False]


async def test_what_is_promised_for_a_refused_request_is_kept() -> None:
    clock = Clock()
    limiter = SlidingWindowCounterRateLimiter(MemoryWindows(clock=clock))
    rate = parse("7/30 seconds")
    for _ in range(40):
        while await limiter.hit(rate, "a"):
            clock.now += 0.3
        stats = await limiter.get_window_stats(rate, "a")
        clock.now += max(stats.reset_time - time.time(), 0) + 0.01
        assert await limiter.hit(rate, "a")


async def test_no_more_callers_are_remembered_than_fit() -> None:
    windows = MemoryWindows(most=100)
    limiter = SlidingWindowCounterRateLimiter(windows)
    rate = parse("1/minute")
    for number in range(1000):
        assert await limiter.hit(rate, "regular" if number % 50 == 49 else str(number)) is (
            number % 50 != 49 or number == 49
        )
    assert len(windows) == 100


@pytest.mark.parametrize(
    ("scope", "caller"),
    [
        ({"client": ("192.0.2.7", 4711)}, "ip:192.0.2.7"),
        ({"client": ("2001:db8:1:2:3:4:5:6", 1)}, "ip:2001:db8:1:2::/64"),
        ({"client": ("::ffff:192.0.2.7", 1)}, "ip:192.0.2.7"),
        ({"client": ("not an address" * 100, 1)}, "ip:unknown"),
        ({"client": None}, "ip:unknown"),
        ({"client": ("192.0.2.7", 1), "gateway.identity": "camera-3"}, "key:camera-3"),
    ],
)
def test_a_caller_is_a_key_or_else_an_address(scope: Scope, caller: str) -> None:
    assert caller_of(scope) == caller


async def test_each_answer_tells_what_is_left_and_the_one_too_many_is_429(
    limited: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    for left in ("2", "1", "0"):
        response = await limited.post("/predict", content=JPEG)
        assert response.status_code == 200
        told = {name: value for name, value in response.headers.items() if name.startswith("ratelimit")}
        assert 0 < int(told.pop("ratelimit-reset")) <= 60
        assert told == {"ratelimit-limit": "3", "ratelimit-remaining": left, "ratelimit-policy": "3;w=60"}
    response = await limited.post("/predict", content=JPEG)
    assert_error(response, 429, "rate_limited", "Retry-After")
    assert 50 < int(response.headers["retry-after"]) <= 60
    assert response.headers["ratelimit-remaining"] == "0"
    assert response.headers["retry-after"] == response.headers["ratelimit-reset"]
    assert len(fake.predictions) == 3
    assert "gateway_rate_limited_total 1.0" in (await limited.get("/metrics")).text


async def test_what_probes_scrapers_and_browsers_fetch_is_never_limited(limited: httpx.AsyncClient) -> None:
    for _ in range(3):
        await limited.get("/models")
    for path in (
        "/",
        "/health/ready",
        "/v2/health/ready",
        "/v2/models/yolo/ready",
        "/metrics",
        "/docs",
        "/openapi.json",
    ):
        for _ in range(5):
            response = await limited.get(path)
            assert response.status_code == 200, path
            assert "ratelimit-limit" not in response.headers
    for path in ("/models", "/nothing", "/healthy", "/static", "/docs.php"):
        assert (await limited.get(path)).status_code == 429, path


async def test_callers_do_not_take_from_each_other(settings: SettingsMaker) -> None:
    async with running_app(settings(rate_limit="1/minute")) as (app, _):
        for address in ("192.0.2.1", "192.0.2.2"):
            transport = httpx.ASGITransport(app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                assert [(await client.get("/models")).status_code for _ in range(2)] == [200, 429]


async def test_an_identity_counts_wherever_it_calls_from(settings: SettingsMaker) -> None:
    def as_(identity: str, app: ASGIApp) -> ASGIApp:
        async def identified(scope: Scope, receive: Receive, send: Send) -> None:
            scope["gateway.identity"] = identity
            await app(scope, receive, send)

        return identified

    async with running_app(settings(rate_limit="2/minute")) as (app, _):
        statuses = []
        for identity, address in [("a", "192.0.2.1"), ("a", "192.0.2.2"), ("a", "192.0.2.3"), ("b", "192.0.2.1")]:
            transport = httpx.ASGITransport(as_(identity, app), client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                statuses.append((await client.get("/models")).status_code)
    assert statuses == [200, 200, 429, 200]


async def test_each_api_key_has_its_own_rate_and_a_refused_one_takes_nobodys(
    settings: SettingsMaker, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.jsonl"
    first, second = (bearer(add_key(keys, name)) for name in ("camera-1", "camera-2"))
    async with running_app(settings(rate_limit="2/minute", api_keys_file=str(keys), cors_origins="*")) as (_, client):
        for _ in range(5):
            refused = await client.post("/predict", content=JPEG, headers={**bearer("wrong"), "Origin": "https://a.b"})
            assert refused.status_code == 401
            assert refused.headers["access-control-allow-origin"] == "*", "a page may read why"
            assert refused.headers["x-content-type-options"] == "nosniff"
        for key in (first, second):
            statuses = [(await client.post("/predict", content=JPEG, headers=key)).status_code for _ in range(3)]
            assert statuses == [200, 200, 429]


async def test_of_several_rates_the_one_that_is_closest_is_told(settings: SettingsMaker) -> None:
    async with running_app(settings(rate_limit="2/second;3/hour")) as (_, client):
        first = await client.get("/models")
        assert first.headers["ratelimit-policy"] == "2;w=1, 3;w=3600"
        assert first.headers["ratelimit-limit"] == "2"
        await client.get("/models")
        await asyncio.sleep(2.1)
        third = await client.get("/models")
        assert (third.headers["ratelimit-limit"], third.headers["ratelimit-remaining"]) == ("3", "0")
        refused = await client.get("/models")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 3000


async def test_without_a_rate_nothing_is_counted_or_told(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", content=JPEG)
    assert not [name for name in response.headers if name.startswith("ratelimit")]


@pytest.mark.usefixtures("patient")
async def test_two_gateways_share_one_limit_in_redis(settings: SettingsMaker, redis: RedisServer) -> None:
    one = settings(rate_limit="5/minute", redis_url=redis.url)
    two = settings(rate_limit="5/minute", redis_url="redis://192.0.2.1/0", rate_limit_redis_url=redis.url)
    async with running_app(one) as (_, first), running_app(two) as (_, second):
        statuses = []
        for _ in range(4):
            statuses += [(await first.get("/models")).status_code, (await second.get("/models")).status_code]
        assert statuses == [200] * 5 + [429] * 3
        assert "gateway_rate_limits_shared 1.0" in (await first.get("/metrics")).text


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("amount", [7, 150])
async def test_many_at_once_are_counted_exactly(settings: SettingsMaker, redis: RedisServer, amount: int) -> None:
    async with (
        running_app(settings(rate_limit=f"{amount}/hour", redis_url=redis.url)) as (_, first),
        running_app(settings(rate_limit=f"{amount}/hour", redis_url=redis.url)) as (_, second),
    ):
        answers = await asyncio.gather(*(client.get("/models") for client in (first, second) for _ in range(amount)))
    # Some may find no free connection to the model server, which answers GET /models: only the limit matters here.
    assert sum(answer.status_code == 429 for answer in answers) == amount


@pytest.mark.usefixtures("patient")
async def test_redis_killed_half_way_costs_no_request_and_is_logged_once(
    settings: SettingsMaker, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.limits.rate_limits")

    def logged() -> list[str]:
        return [record.message for record in caplog.records if record.name == "gateway.limits.rate_limits"]

    async with running_app(settings(rate_limit="5/minute", redis_url=redis.url)) as (_, client):
        assert [(await client.get("/models")).status_code for _ in range(2)] == [200, 200]
        redis.kill()
        # From here on this process counts by itself, from nothing.
        assert [(await client.get("/models")).status_code for _ in range(7)] == [200] * 5 + [429] * 2
        assert logged() == ["Redis does not answer, rates count in this process"]
        scraped = (await client.get("/metrics")).text
        assert "gateway_rate_limits_shared 0.0" in scraped
        assert "gateway_rate_limit_store_errors_total 1.0" in scraped
        redis.start()
        async with asyncio.timeout(30):
            while len(logged()) < 2:
                await asyncio.sleep(0.2)
                await client.get("/models")
        assert logged()[1] == "Redis answers again, rates count for all gateways"
        assert "gateway_rate_limits_shared 1.0" in (await client.get("/metrics")).text


async def test_a_redis_that_hangs_is_waited_for_once_and_then_left_alone(
    settings: SettingsMaker, redis: RedisServer
) -> None:
    async with running_app(settings(rate_limit="30/minute", redis_url=redis.url)) as (_, client):
        await client.get("/models")
        redis.pause()
        for _ in range(10):
            assert (await client.get("/models")).status_code == 200
        assert "gateway_rate_limit_store_errors_total 1.0" in (await client.get("/metrics")).text


async def test_a_redis_that_is_full_or_refuses_is_as_one_that_is_gone(
    settings: SettingsMaker, redis: RedisServer
) -> None:
    assert redis.command("CONFIG", "SET", "maxmemory", "1") == b"+OK"
    try:
        async with running_app(settings(rate_limit="2/minute", redis_url=redis.url)) as (_, client):
            assert [(await client.get("/models")).status_code for _ in range(3)] == [200, 200, 429]
    finally:
        redis.command("CONFIG", "SET", "maxmemory", "0")
    async with running_app(settings(rate_limit="2/minute", redis_url=f"{redis.url}?password=wrong")) as (_, client):
        assert (await client.get("/models")).status_code == 200


async def test_a_redis_that_was_never_there_stops_nothing(settings: SettingsMaker, unused_url: str) -> None:
    address = unused_url.replace("http", "redis")
    async with running_app(settings(rate_limit="2/minute", redis_url=address)) as (_, client):
        assert [(await client.post("/predict", content=JPEG)).status_code for _ in range(3)] == [200, 200, 429]


async def test_every_route_documents_what_comes_before_it(client: httpx.AsyncClient) -> None:
    for path, methods in (await client.get("/openapi.json")).json()["paths"].items():
        for operation in methods.values():
            assert ("429" in operation["responses"]) is policy_for(path).limited, path
            assert {"414", "431"} <= set(operation["responses"]), path
            assert ("408" in operation["responses"]) is ("requestBody" in operation), path
            if "requestBody" in operation:
                overloaded = operation["responses"]["503"]
                assert "overloaded" in overloaded["content"]["application/json"]["examples"]
                assert overloaded["description"].count("`overloaded`") == 1


@pytest.mark.parametrize("order", ["2/second;5/hour", "5/hour;2/second"])
async def test_a_request_that_one_rate_refuses_counts_for_the_others(order: str) -> None:
    """Whatever the order of the rates: a caller that is refused every second uses up its hour."""
    limits = rate_counters.RateLimits(parse_many(order), "", CollectorRegistry())
    taken = [await limits.take("a") for _ in range(6)]
    assert [verdict.allowed for verdict in taken] == [True, True, False, False, False, False]
    assert [verdict.limit for verdict in taken] == [2, 2, 2, 2, 2, 5], "the hour is used up, and refuses for longest"
    assert taken[-1].reset_s > 60
