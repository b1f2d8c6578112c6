"""HTTP to a model server: a bounded pool of connections, whole answers, and failures as the backend's faults.

Built on httpcore, the engine of httpx: between two images, whose inference takes every core for tens of milliseconds,
httpx's own layer costs as much CPU time again.
"""

import base64
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore

from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
)
from gateway.settings import Settings
from gateway.tracing import model_server
from gateway.tracing.context import traceparent
from gateway.tracing.model_server import STAGES_HEADER

logger = logging.getLogger("gateway.backends")

#: Seconds after which an idle connection is no longer used: fewer than most servers and firewalls allow.
KEEPALIVE_EXPIRY_S = 30.0
#: Bytes of an answer's body. The longest answer to an image is a hundredth of it.
LARGEST_ANSWER = 64 * 1024 * 1024

#: httpcore's errors, most specific first. A protocol error is nearly always a server that died while it answered.
FAULTS: Mapping[type[Exception], type[BackendFault]] = {
    httpcore.PoolTimeout: BackendOverloaded,
    httpcore.ConnectTimeout: BackendUnavailable,
    httpcore.TimeoutException: BackendTimeout,
    httpcore.NetworkError: BackendUnavailable,
    httpcore.RemoteProtocolError: BackendUnavailable,
    httpcore.ProtocolError: BackendError,
    httpcore.UnsupportedProtocol: BackendError,
    httpcore.ProxyError: BackendError,
    httpcore.ConnectionNotAvailable: BackendError,
}
#: What a connection that the server has closed raises when it is used again.
_CLOSED = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)


def fault_from(error: Exception) -> BackendFault:
    """Return the fault that stands for one of httpcore's errors; the caller raises it ``from`` the original."""
    kind = next((fault for known, fault in FAULTS.items() if isinstance(error, known)), BackendError)
    return kind(f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, its whole body, and its headers as they came."""

    status: int
    content: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in any case of letters."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)


class HttpClient:
    """Sends requests to one server over at most ``connections`` connections, with the timeouts of the settings.

    A server may close an idle connection at the moment that it is used again. This says nothing about the request, so
    the request is sent once more, on a new connection. A new connection that breaks is not tried again. This is only
    for requests that may be repeated, as predictions and descriptions may.

    ``base_url`` may contain a user and a password; ``headers`` go with every request. Those of a client that
    ``is_traced`` continue the trace of their task, if it has one. Questions about the server do not: requests share
    their answers. ``address`` is the one to connect to of those that the URL's host has; the host is still named in
    requests and in certificates.
    """

    def __init__(
        self,
        settings: Settings,
        base_url: str,
        connections: int,
        headers: Mapping[str, str],
        is_traced: bool = False,
        address: str | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self._is_traced = is_traced
        self._scheme, self._prefix = parts.scheme.encode(), parts.path
        self._name = parts.hostname or ""
        host = (parts.hostname or "").encode("idna")
        self._host, self._port = address.encode("ascii") if address else host, parts.port
        self._headers = _encode({"Host": parts.netloc.rpartition("@")[2], **_authorization(parts), **headers})
        timeouts = {
            "connect": settings.connect_timeout_s,
            "read": settings.read_timeout_s,
            "write": settings.write_timeout_s,
            "pool": settings.pool_timeout_s,
        }
        self._extensions: Mapping[str, Any] = {"timeout": timeouts, "sni_hostname": host.decode("ascii")}
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._pool = httpcore.AsyncConnectionPool(
            tls, max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEPALIVE_EXPIRY_S
        )
        self._fresh = httpcore.AsyncConnectionPool(tls, max_connections=connections, max_keepalive_connections=0)

    async def request(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
    ) -> Reply:
        """Send a request and return the answer, whatever its status. ``read_timeout_s`` overrides the setting.

        ``path`` follows the path of the base URL; it contains the query and is encoded already. Raises only
        :class:`~gateway.model_server.errors.BackendFault`.
        """
        if not self._is_traced:
            return await self._send(method, path, content, headers or {}, read_timeout_s)
        with model_server.call(method, self._name, path) as call:
            parent = {"traceparent": found} if (found := traceparent()) else {}
            reply = await self._send(method, path, content, {**(headers or {}), **parent}, read_timeout_s)
            if call is not None:
                call.answered(reply.status, reply.header(STAGES_HEADER))
            return reply

    async def _send(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str], read_timeout_s: float | None
    ) -> Reply:
        url = httpcore.URL(
            scheme=self._scheme, host=self._host, port=self._port, target=f"{self._prefix}{path}".encode("ascii")
        )
        length = {"Content-Length": str(len(content))} if content else {}
        lines = [*self._headers, *_encode({**headers, **length})]
        opened = False

        async def note_opening(event: str, _: Mapping[str, Any]) -> None:
            nonlocal opened
            opened = opened or event == "connection.connect_tcp.started"

        extensions = {**self._extensions, "trace": note_opening}
        if read_timeout_s is not None:
            extensions["timeout"] = {**self._extensions["timeout"], "read": read_timeout_s}
        request = httpcore.Request(method, url, headers=lines, content=content, extensions=extensions)
        try:
            try:
                response = await self._pool.handle_async_request(request)
            except _CLOSED as error:
                if opened:
                    raise
                logger.info("a kept connection was dead, trying once more on a new one", extra={"cause": repr(error)})
                response = await self._fresh.handle_async_request(request)
            return Reply(response.status, await _read(response), tuple(response.headers))
        except tuple(FAULTS) as error:
            raise fault_from(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        await self._fresh.aclose()


async def _read(response: httpcore.Response) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in response.aiter_stream():
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise BackendError(f"an answer of more than {LARGEST_ANSWER} bytes")
    finally:
        await response.aclose()
    return b"".join(pieces)


def _encode(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
