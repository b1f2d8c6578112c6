"""Pictures to a model server over HTTP: the hot path's client, with the same promises as the transport for the rest.

aiohttp and not httpx here: its parser is compiled, and posting 150 kB takes it 0.13 ms of CPU where httpx needs 0.53
to 0.73 (measured against a server that answers at once). On a machine whose cores are busy with inference, that time
is taken from the pictures. Everything asked less often stays with httpx.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from gateway.backends.errors import (
    BackendError,
    BackendFault,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
)
from gateway.backends.transport import KEEPALIVE_EXPIRY_S
from gateway.settings import Settings

logger = logging.getLogger("gateway.backends")

#: aiohttp's errors, most specific first. Anything else that breaks is nearly always a server that died.
AIOHTTP_FAULTS: Mapping[type[Exception], type[BackendFault]] = {
    aiohttp.ConnectionTimeoutError: BackendUnavailable,
    aiohttp.ServerTimeoutError: BackendTimeout,
    TimeoutError: BackendTimeout,
    aiohttp.ClientConnectionError: BackendUnavailable,
    aiohttp.ClientPayloadError: BackendUnavailable,
    aiohttp.ClientResponseError: BackendUnavailable,
    aiohttp.ClientError: BackendError,
    ValueError: BackendError,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body of an answer."""

    status_code: int
    content: bytes


class PictureSender:
    """A bounded pool of connections that posts bytes and reads whole answers; raises only ``BackendFault``.

    A server may close an idle connection in the very moment it is used again. That says nothing about the request, so
    it is sent again, once, on a connection opened for it. A new connection that breaks is not retried.
    """

    def __init__(self, settings: Settings, headers: Mapping[str, str]) -> None:
        self._settings = settings
        self._headers = dict(headers)
        self._room = asyncio.Semaphore(settings.max_connections)
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send ``body`` to ``url`` (with its query, encoded already) and return the answer, whatever its status."""
        try:
            async with asyncio.timeout(self._settings.pool_timeout_s):
                await self._room.acquire()
        except TimeoutError as error:
            raise BackendOverloaded("every connection to the model server is taken") from error
        try:
            return await self._post(url, body, headers)
        except tuple(AIOHTTP_FAULTS) as error:
            fault = next(fault for known, fault in AIOHTTP_FAULTS.items() if isinstance(error, known))
            raise fault(f"{type(error).__name__}: {error}") from error
        finally:
            self._room.release()

    async def aclose(self) -> None:
        """Close every connection. Sessions that were never needed were never opened."""
        for session in (self._kept, self._fresh):
            if session is not None:
                await session.close()

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if self._kept is None or self._fresh is None:  # aiohttp wants the event loop they will live in
            self._kept, self._fresh = self._session(keep=True), self._session(keep=False)
        trace = _Reused()
        try:
            return await self._once(self._kept, url, body, headers, trace)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not trace.reused or trace.answering:
                raise
            logger.info("a kept connection was dead, trying once more on a new one", extra={"cause": repr(error)})
        return await self._once(self._fresh, url, body, headers, _Reused())

    async def _once(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], trace: "_Reused"
    ) -> Reply:
        # aiohttp has no limit of its own for a server that does not take the picture, so the whole call gets one.
        async with asyncio.timeout(self._settings.write_timeout_s + self._settings.read_timeout_s):
            async with session.post(
                URL(url, encoded=True), data=_Body(body), headers=headers, trace_request_ctx=trace
            ) as response:
                trace.answering = True
                return Reply(response.status, await response.read())

    def _session(self, *, keep: bool) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        connector = (
            aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_EXPIRY_S)
            if keep
            else aiohttp.TCPConnector(limit=0, force_close=True)
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._settings.connect_timeout_s, sock_read=self._settings.read_timeout_s
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            trust_env=False,  # a proxy for the internet is none for the machine next door
        )


@dataclass(slots=True)
class _Reused:
    """What became of one request: was its connection an old one, had the answer begun."""

    reused: bool = False
    answering: bool = False


async def _note_reuse(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
    context.trace_request_ctx.reused = True


class _Body(payload.Payload):
    """Bytes that are in memory anyway, however many: aiohttp's own kind warns above a megabyte."""

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self._size = len(value)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await writer.write(self._value)
