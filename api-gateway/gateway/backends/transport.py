"""HTTP to a model server: a pool that survives stale connections, and httpx's errors in the backend's words."""

import logging
from collections.abc import Mapping
from typing import Any

import httpx

from gateway.backends.errors import (
    BackendError,
    BackendFault,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
)

logger = logging.getLogger("gateway.backends")

#: Idle connections are dropped after this many seconds, before most servers and firewalls do it for us.
KEEPALIVE_EXPIRY_S = 30.0

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
