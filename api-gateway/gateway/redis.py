"""The one place where clients of Redis are made: what the cache and others that share it must agree on."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

#: Enough for hundreds of requests at once at a fraction of a millisecond each; more wait their turn within the timeout.
MAX_CONNECTIONS = 32


def create_redis(url: str, timeout_s: float) -> Redis:
    """Make a client for ``redis://[user:password@]host:port/db`` (or ``rediss``, ``unix``); nothing is connected yet.

    ``timeout_s`` bounds each of: connecting, one answer, waiting for a free connection. Nothing is tried again: whoever
    uses this has a way to go on without Redis. Close it with ``await client.aclose()``. Raises ``ValueError`` for an
    address that is none.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # understood by every Redis and every look-alike
        driver_info=None,  # saves two calls for each new connection
    )
    return Redis.from_pool(pool)
