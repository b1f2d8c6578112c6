"""HTTP to a model server: a pool that survives stale connections, and httpx's errors in the backend's words."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any

import httpx

from gateway.model_server.base import Readiness
from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendNotReady,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
)
from gateway.settings import Settings

logger = logging.getLogger("gateway.backends")

#: Idle connections are dropped after this many seconds, before most servers and firewalls do it for us.
KEEPALIVE_EXPIRY_S = 30.0
#: A readiness check that takes longer than this is a 'no': who asks wants to know now.
READY_TIMEOUT_S = 1.0

#: httpx's errors, most specific first. A protocol error is nearly always a server that died while it answered.
HTTPX_FAULTS: Mapping[type[Exception], type[BackendFault]] = {
    httpx.PoolTimeout: BackendOverloaded,
    httpx.ConnectTimeout: BackendUnavailable,
    httpx.TimeoutException: BackendTimeout,
    httpx.NetworkError: BackendUnavailable,
    httpx.RemoteProtocolError: BackendUnavailable,
    httpx.HTTPError: BackendError,
    httpx.InvalidURL: BackendError,
    httpx.CookieConflict: BackendError,
    httpx.StreamError: BackendError,
}


def fault_from_httpx(error: Exception) -> BackendFault:
    """Name an httpx error in the backend's words; the caller raises it ``from`` the original."""
    kind = next((fault for known, fault in HTTPX_FAULTS.items() if isinstance(error, known)), BackendError)
    return kind(f"{type(error).__name__}: {error}")


def make_client(settings: Settings, connections: int, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Make a client of at most so many connections with the settings' timeouts; nothing is connected yet."""
    return httpx.AsyncClient(
        transport=StaleRetryTransport(connections),
        timeout=httpx.Timeout(
            connect=settings.connect_timeout_s,
            read=settings.read_timeout_s,
            write=settings.write_timeout_s,
            pool=settings.pool_timeout_s,
        ),
        headers=headers,
        trust_env=False,  # a proxy for the internet is none for the machine next door
    )


async def send(client: httpx.AsyncClient, method: str, url: str, **kwargs: Any) -> httpx.Response:
    """Send a request and return the answer, whatever its status; raises only ``BackendFault``."""
    try:
        return await client.request(method, url, **kwargs)
    except tuple(HTTPX_FAULTS) as error:
        raise fault_from_httpx(error) from error


async def ready_in_time(asked: Awaitable[Readiness]) -> Readiness:
    """Wait for what a server says of its readiness, and make a 'no' of every fault and of its taking too long."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return await asked
    except TimeoutError:
        return Readiness(False, "the model server does not answer in time")
    except BackendNotReady as fault:
        return Readiness(False, fault.reason)
    except BackendFault:
        return Readiness(False, "the model server cannot be reached")


class StaleRetryTransport(httpx.AsyncBaseTransport):
    """A connection pool that tries once more when a connection kept from earlier turns out to be dead.

    A server may close an idle connection in the very moment it is used again. That says nothing about the request, so
    it is sent again, once, on a connection opened for it. A new connection that breaks is not retried. Only for
    requests that may be repeated, as predictions and descriptions may.
    """

    def __init__(self, max_connections: int) -> None:
        tls = httpx.create_ssl_context()
        keep = httpx.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEEPALIVE_EXPIRY_S,
        )
        never_keep = httpx.Limits(max_connections=max_connections, max_keepalive_connections=0)
        self._pool = httpx.AsyncHTTPTransport(verify=tls, limits=keep)
        self._fresh = httpx.AsyncHTTPTransport(verify=tls, limits=never_keep)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; errors are raised only before the first byte of an answer, which makes a retry safe."""
        opened = False

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            nonlocal opened
            opened = opened or event == "connection.connect_tcp.started"

        request.extensions = {**request.extensions, "trace": trace}
        try:
            return await self._pool.handle_async_request(request)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            if opened:
                raise
            logger.info("a kept connection was dead, trying once more on a new one", extra={"cause": repr(error)})
        return await self._fresh.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        await self._fresh.aclose()
