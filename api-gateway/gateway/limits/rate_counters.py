"""How many requests a caller may still make: counted in Redis for all gateways, or in this process.

The strategy is a sliding window counter: all requests of a window may come in one burst; afterwards they come back one
by one instead of all at once at the next full minute.
"""

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry, Counter, Gauge
from redis.exceptions import RedisError

from gateway.concurrency.circuit_breaker import Breaker
from gateway.limits.rate_windows import MemoryWindows
from gateway.redis import create_redis
from gateway.settings import Settings
from gateway.settings.limits import parse_rates

logger = logging.getLogger("gateway.limits.rate_limits")

#: A Redis nearby answers in a fraction of a millisecond; the rest allows for a busy moment of this process.
REDIS_TIMEOUT_S = 0.25
KEY_PREFIX = "gateway:rate"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is allowed, and the state of the rate that comes closest to refusing it. Times in seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int


#: Rates by the name of the model that they hold for.
ModelRates = Mapping[str, Sequence[RateLimitItem]]


class RateLimits:
    """The rates that hold for each caller, in all and of each model, and the store that holds their counters."""

    def __init__(
        self,
        rates: Sequence[RateLimitItem],
        redis_url: str,
        registry: CollectorRegistry,
        of_models: ModelRates | None = None,
    ) -> None:
        self._rates = tuple(rates)
        self._of_models = {model: tuple(each) for model, each in (of_models or {}).items() if each}
        self.policy = ", ".join(f"{rate.amount};w={rate.get_expiry()}" for rate in rates)
        self._local = SlidingWindowCounterRateLimiter(MemoryWindows())
        self._redis = create_redis(redis_url, REDIS_TIMEOUT_S) if redis_url else None
        self._shared = None
        if self._redis is not None:
            pool: Any = self._redis.connection_pool  # the library's type hints lack this option
            storage = RedisStorage(
                "async+redis://", implementation="redispy", key_prefix=KEY_PREFIX, connection_pool=pool
            )
            self._shared = SlidingWindowCounterRateLimiter(storage)
        # One failure is enough: counting here costs nothing, and waiting for another failure would cost every caller.
        self._breaker = Breaker(failures=1)
        self.limited = Counter("gateway_rate_limited", "Requests over their rate limit", registry=registry)
        self.model_limited = Counter(
            "gateway_model_rate_limited", "Requests over the rate limit of a model", ["model"], registry=registry
        )
        self._failures = Counter(
            "gateway_rate_limit_store_errors", "Rate limits that Redis did not decide in time", registry=registry
        )
        shared = Gauge("gateway_rate_limits_shared", "1 if Redis holds the counters, else 0", registry=registry)
        shared.set_function(lambda: float(self._shared is not None and not self._breaker.open))

    @property
    def has_rates(self) -> bool:
        """Whether a rate holds whichever model is asked, if any."""
        return bool(self._rates)

    async def take(self, caller: str) -> Verdict:
        """Count a request of this caller; never raises for a store that is slow or gone."""
        return await self._take(self._rates, caller)

    async def take_model(self, caller: str, model: str) -> Verdict | None:
        """Count a prediction of this model for this caller, as :meth:`take` does; None for a model without rates."""
        rates = self._of_models.get(model)
        return await self._take(rates, f"model:{model}", caller) if rates else None

    async def _take(self, rates: Sequence[RateLimitItem], *whose: str) -> Verdict:
        if self._shared is not None and self._breaker.allows():
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    verdict = await self._count(self._shared, rates, *whose)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                self._failures.inc()
                if self._breaker.failed():
                    logger.warning("Redis does not answer, rates count in this process", extra={"cause": repr(error)})
            else:
                if self._breaker.succeeded():
                    logger.info("Redis answers again, rates count for all gateways")
                return verdict
        return await self._count(self._local, rates, *whose)

    async def aclose(self) -> None:
        """Close the connections to Redis."""
        if self._redis is not None:
            await self._redis.aclose()

    async def _count(
        self, limiter: SlidingWindowCounterRateLimiter, rates: Sequence[RateLimitItem], *whose: str
    ) -> Verdict:
        """Count the request for every rate that has room for it, also when another one refuses it.

        The order of the rates has no effect, and a caller that exceeds the rate of a second still uses up its hour.
        """
        verdicts: list[Verdict] = []
        for rate in rates:
            allowed = await limiter.hit(rate, *whose)
            stats = await limiter.get_window_stats(rate, *whose)
            reset_s = max(math.ceil(stats.reset_time - time.time()), 0)
            verdicts.append(
                Verdict(True, rate.amount, stats.remaining, reset_s)
                if allowed
                else Verdict(False, rate.amount, 0, max(reset_s, 1))
            )
        # Of the rates that refuse, the one that refuses for longest; else the one with the fewest requests left.
        return min(verdicts, key=lambda each: (each.allowed, each.remaining, 0 if each.allowed else -each.reset_s))


def create_rate_limits(
    settings: Settings, registry: CollectorRegistry, of_models: ModelRates | None = None
) -> RateLimits | None:
    """Build the limits that the settings and the models' own rates ask for; None without any."""
    if not settings.rate_limit and not any((of_models or {}).values()):
        return None
    url = settings.rate_limit_redis_url or settings.redis_url
    return RateLimits(parse_rates(settings.rate_limit), url, registry, of_models)
