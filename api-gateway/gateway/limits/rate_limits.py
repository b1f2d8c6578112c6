"""How many requests a caller may still make: counted in Redis for all gateways, or in this process.

The strategy is a sliding window counter: all requests of a window may come in one burst, and after it they come back
one by one instead of all at once at the next full minute.

A caller who was far from its limit a moment ago does not wait for Redis (:mod:`gateway.limits.headroom`): its request
is counted a moment later, together with those that follow it until then.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry, Counter, Gauge
from redis.exceptions import RedisError

from gateway.concurrency.circuit_breaker import Breaker
from gateway.limits.headroom import Headroom, headroom
from gateway.limits.rate_windows import MemoryWindows
from gateway.limits.verdict import Verdict
from gateway.redis import create_redis
from gateway.settings import Settings
from gateway.settings.limits import parse_rates

logger = logging.getLogger("gateway.limits.rate_limits")

#: A Redis next door answers in a fraction of a millisecond; the rest is for a moment in which this process is busy.
REDIS_TIMEOUT_S = 0.25
KEY_PREFIX = "gateway:rate"
#: Seconds until requests that went on are counted, all of a caller's at once.
LATER_S = 0.2


class RateLimits:
    """The rates that hold for each caller, in the store that holds their counters."""

    def __init__(self, rates: Sequence[RateLimitItem], redis_url: str, registry: CollectorRegistry) -> None:
        self._rates = tuple(rates)
        self.policy = ", ".join(f"{rate.amount};w={rate.get_expiry()}" for rate in rates)
        self._local = SlidingWindowCounterRateLimiter(MemoryWindows())
        self._redis = create_redis(redis_url, REDIS_TIMEOUT_S) if redis_url else None
        self._shared = None
        if self._redis is not None:
            pool: Any = self._redis.connection_pool  # limits' hints leave out the one option that is an object
            storage = RedisStorage(
                "async+redis://", implementation="redispy", key_prefix=KEY_PREFIX, connection_pool=pool
            )
            self._shared = SlidingWindowCounterRateLimiter(storage)
        self._headroom = Headroom()
        self._counting: dict[str, asyncio.Task[None]] = {}
        # One failure is enough: the way round it costs nothing, and waiting for another would cost every caller.
        self._breaker = Breaker(failures=1)
        self.limited = Counter("gateway_rate_limited", "Requests over their rate limit", registry=registry)
        self._failures = Counter(
            "gateway_rate_limit_store_errors", "Rate limits that Redis did not decide in time", registry=registry
        )
        shared = Gauge("gateway_rate_limits_shared", "1 if Redis holds the counters, else 0", registry=registry)
        shared.set_function(lambda: float(self._shared is not None and not self._breaker.open))

    async def take(self, caller: str) -> Verdict:
        """Count a request of this caller; never raises for a store that is slow or gone."""
        if self._shared is not None and not self._breaker.open and (told := self._headroom.take(caller)) is not None:
            if caller not in self._counting:
                self._counting[caller] = asyncio.create_task(self._count_later(caller))
            return told
        await self._count_behind(caller)
        return await self._count(caller)

    async def _count(self, caller: str, requests: int = 1) -> Verdict:
        if self._shared is not None and self._breaker.allows():
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    verdict = await self._ask(self._shared, caller, requests)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                self._failures.inc()
                if self._breaker.failed():
                    logger.warning("Redis does not answer, rates count in this process", extra={"cause": repr(error)})
            else:
                if self._breaker.succeeded():
                    logger.info("Redis answers again, rates count for all gateways")
                self._headroom.learn(caller, verdict)
                return verdict
        return await self._ask(self._local, caller, requests)

    async def aclose(self) -> None:
        """Count what is not counted yet, close the connections to Redis."""
        for task in (counting := dict(self._counting)).values():
            task.cancel()
        await asyncio.gather(*counting.values(), return_exceptions=True)
        for caller in counting:
            await self._count_behind(caller)
        if self._redis is not None:
            await self._redis.aclose()

    async def _count_later(self, caller: str) -> None:
        try:
            behind = True
            while behind:
                await asyncio.sleep(LATER_S)
                behind = await self._count_behind(caller) > 0
        finally:
            del self._counting[caller]

    async def _count_behind(self, caller: str) -> int:
        """Count those of a caller's requests that went on uncounted; return how many these were."""
        if requests := self._headroom.claim(caller):
            try:
                await self._count(caller, requests)
            finally:  # whose client leaves meanwhile must not take this caller's headroom along for good
                self._headroom.counted(caller, requests)
        return requests

    async def _ask(self, limiter: SlidingWindowCounterRateLimiter, caller: str, requests: int) -> Verdict:
        closest: Verdict | None = None
        ahead: list[int] = []
        for rate in self._rates:
            allowed = await limiter.hit(rate, caller, cost=requests)
            while not allowed and requests > 1:  # others were quicker: what is left is taken all the same
                requests //= 2
                allowed = await limiter.hit(rate, caller, cost=requests)
            stats = await limiter.get_window_stats(rate, caller)
            reset_s = max(math.ceil(stats.reset_time - time.time()), 0)
            if not allowed:
                return Verdict(False, rate.amount, 0, max(reset_s, 1))
            ahead.append(headroom(rate.amount, stats.remaining))
            if closest is None or stats.remaining < closest.remaining:
                closest = Verdict(True, rate.amount, stats.remaining, reset_s)
        assert closest is not None, "made with at least one rate"  # noqa: S101
        return replace(closest, ahead=min(ahead))


def create_rate_limits(settings: Settings, registry: CollectorRegistry) -> RateLimits | None:
    """Make what the settings ask for; None where there is no limit."""
    if not settings.rate_limit:
        return None
    url = settings.rate_limit_redis_url or settings.redis_url
    return RateLimits(parse_rates(settings.rate_limit), url, registry)
