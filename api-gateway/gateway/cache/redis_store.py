"""Answers remembered in a Redis that several gateways share, which may be slow, full or gone without harm."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from gateway.cache.metrics import CacheMetrics
from gateway.concurrency.circuit_breaker import Breaker

logger = logging.getLogger("gateway.cache")

#: Seconds until values are written, all in one go: one at a time takes as much of the processor as looking them up.
WRITTEN_AFTER_S = 0.25
#: Values, and bytes of all of them, that wait to be written; beyond it they are not kept.
MOST_UNWRITTEN = 256
MOST_UNWRITTEN_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Unwritten:
    value: bytes
    since: float = field(default_factory=time.monotonic)

    def left_ms(self, ttl_ms: int) -> int:
        return ttl_ms - round((time.monotonic() - self.since) * 1000)


class RedisStore:
    """Keeps each value for ``ttl_s`` seconds; no call takes longer than ``timeout_s``, and none raises.

    A new value is had from this process at once, and from Redis, so by other gateways, ``WRITTEN_AFTER_S`` later.
    After some failures in a row Redis is left alone for a while (see :mod:`gateway.concurrency.circuit_breaker`). Each
    trouble is logged when it begins and when it is over, and counted each time.
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
        self._unwritten: dict[str, _Unwritten] = {}
        self._writing: asyncio.Task[None] | None = None
        metrics.watch_store(lambda: not self._breaker.open)

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under ``key``, or None where there is nothing or it cannot be told in time."""
        if (unwritten := self._unwritten.get(key)) is not None:
            return unwritten.value if unwritten.left_ms(self._ttl_ms) > 0 else None
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
        """Keep ``value`` if Redis takes it in time, which is not waited for."""
        if self._breaker.open:
            return
        waiting = sum(len(unwritten.value) for unwritten in self._unwritten.values())
        if len(self._unwritten) >= MOST_UNWRITTEN or waiting + len(value) > MOST_UNWRITTEN_BYTES:
            self._metrics.errors.labels("behind").inc()
            return
        self._unwritten[key] = _Unwritten(value)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_later())

    async def aclose(self) -> None:
        """Write what is not written yet, close all connections."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait((self._writing,))
        await self._write()
        try:
            await self._client.aclose()
        except (RedisError, OSError):
            logger.debug("closing the connections to Redis failed", exc_info=True)

    async def _write_later(self) -> None:
        try:
            while self._unwritten:
                await asyncio.sleep(WRITTEN_AFTER_S)
                await self._write()
        finally:
            self._writing = None

    async def _write(self) -> None:
        batch = dict(self._unwritten)
        if batch and not self._breaker.open:
            await self._write_batch(batch)
        for key, unwritten in batch.items():
            if self._unwritten.get(key) is unwritten:  # else there is a newer one
                del self._unwritten[key]

    async def _write_batch(self, batch: dict[str, _Unwritten]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for key, unwritten in batch.items():
            pipeline.set(key, unwritten.value, px=max(1, unwritten.left_ms(self._ttl_ms)))
        try:
            async with asyncio.timeout(self._timeout_s):
                results = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return
        self._succeeded()
        # What answers with an error is used for reading: it is full (maxmemory without eviction), a read-only replica,
        # or gives no permission.
        refusals = [result for result in results if isinstance(result, ResponseError)]
        for refusal in refusals:
            self._refused(refusal)
        if not refusals:
            self._taken()

    def _failed(self, error: Exception) -> None:
        # redis-py has a TimeoutError of its own, beside ours.
        self._metrics.errors.labels("timeout" if "Timeout" in type(error).__name__ else "unreachable").inc()
        if self._breaker.failed():
            self._unwritten.clear()
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

    def _taken(self) -> None:
        if self._refuses:
            self._refuses = False
            logger.info("Redis takes new answers again")
