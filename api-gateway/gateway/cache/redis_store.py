"""Answers stored in a Redis that several gateways share; a Redis that is slow, full or gone does no harm."""

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from gateway.cache.metrics import CacheMetrics
from gateway.concurrency.circuit_breaker import Breaker

logger = logging.getLogger("gateway.cache")


class RedisStore:
    """Stores each value for ``ttl_s`` seconds; no call takes longer than ``timeout_s``, and none raises.

    After some failures in a row Redis is left alone for a while (see :mod:`gateway.concurrency.circuit_breaker`). Each
    failure is counted; the log has a line when a series of failures begins and when it ends.
    """

    def __init__(
        self, client: Redis, ttl_s: float, timeout_s: float, metrics: CacheMetrics, breaker: Breaker | None = None
    ) -> None:
        self._client = client
        self._ttl_ms = max(1, round(ttl_s * 1000))
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._breaker = breaker or Breaker()
        self._refuses = False
        metrics.watch_store(lambda: not self._breaker.open)

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if there is none or Redis does not answer in time."""
        if not self._breaker.allows():
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                value = await self._client.get(key)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        self._succeeded()
        return value.encode() if isinstance(value, str) else value

    async def set(self, key: str, value: bytes) -> None:
        """Store ``value`` if Redis takes it in time."""
        if self._breaker.open:  # a look-up tries whether Redis is back
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._client.set(key, value, px=self._ttl_ms)
        except ResponseError as error:
            # It still answers look-ups: it is full (maxmemory without eviction), a read-only replica, or lacks a
            # permission.
            self._refused(error)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
        else:
            self._succeeded()
            self._accepted()

    async def aclose(self) -> None:
        """Close all connections."""
        try:
            await self._client.aclose()
        except (RedisError, OSError):
            logger.debug("closing the connections to Redis failed", exc_info=True)

    def _failed(self, error: Exception) -> None:
        # redis-py has a TimeoutError of its own, next to Python's.
        self._metrics.errors.labels("timeout" if "Timeout" in type(error).__name__ else "unreachable").inc()
        if self._breaker.failed():
            facts = {"reason": f"{type(error).__name__}: {error}"}
            logger.warning("Redis cannot be used; every answer comes from the model server", extra=facts)

    def _succeeded(self) -> None:
        if self._breaker.succeeded():
            logger.info("Redis can be used again")

    def _refused(self, error: Exception) -> None:
        self._metrics.errors.labels("refused").inc()
        if not self._refuses:
            self._refuses = True
            facts = {"reason": f"{type(error).__name__}: {error}"}
            logger.warning("Redis takes no new answers; those it has are used", extra=facts)

    def _accepted(self) -> None:
        if self._refuses:
            self._refuses = False
            logger.info("Redis takes new answers again")
