"""The one place that creates clients of Redis: the options that the cache and the rate limits share."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

#: Enough for hundreds of requests at once at a fraction of a millisecond each; more requests wait within the timeout.
MAX_CONNECTIONS = 32


def create_redis(url: str, timeout_s: float) -> Redis:
    """Create a client for ``redis://[user:password@]host:port/db`` (or ``rediss``, ``unix``); it connects when used.

    ``timeout_s`` bounds connecting. The caller bounds each call as a whole with ``asyncio.timeout``, which closes the
    connection that it interrupts; redis-py's own clock for every step would be one more task each. Nothing is retried:
    every caller works without Redis. Close the client with ``await client.aclose()``. Raises ``ValueError`` for an
    invalid address.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=None,  # the caller's
        socket_timeout=None,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # understood by every Redis and every compatible server
        driver_info=None,  # saves two calls for each new connection
    )
    return Redis.from_pool(pool)
