"""Pictures to a model server over HTTP: the hot path's client, with the same promises as the transport for the rest.

Of our own, and neither httpx nor aiohttp: posting 200 kB on a connection that is open and reading an answer of two
kilobytes takes httpx 0.5 ms of CPU time and aiohttp 0.13 ms when nothing else runs. Between two pictures whose
inference takes every core for 20 ms, a client's code and data leave the processor's caches, and it is the amount of it
that counts: aiohttp was a quarter of all that the gateway did for a picture. Everything asked less often stays with
httpx.
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from gateway.model_server.client import KEEPALIVE_EXPIRY_S
from gateway.model_server.connection import Connection, ConnectionDied, Reply
from gateway.model_server.errors import BackendError, BackendOverloaded, BackendUnavailable
from gateway.settings import Settings

logger = logging.getLogger("gateway.backends")


class PictureSender:
    """A bounded pool of connections to one server that posts bytes and reads whole answers.

    A server may close an idle connection in the very moment it is used again. That says nothing about the request, so
    it is sent again, once, on a connection opened for it. A new connection that breaks is not retried.

    ``base_url`` is the server's address as the settings have it; ``headers`` go with every picture.
    """

    def __init__(self, settings: Settings, base_url: str, headers: Mapping[str, str]) -> None:
        self._settings = settings
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._prefix = parts.path
        host = parts.netloc.rpartition("@")[2]
        self._head = _lines({"Host": host, **_authorization(parts.username, parts.password), **headers})
        self._room = asyncio.Semaphore(settings.max_connections)
        self._idle: list[tuple[Connection, float]] = []  # the one used last is at the end, and is used first
        self._sweeping: asyncio.TimerHandle | None = None

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send ``body`` to ``path`` (with its query, encoded already) and return the answer, whatever its status.

        Raises only :class:`~gateway.model_server.errors.BackendFault`.
        """
        head = (
            f"POST {self._prefix}{path} HTTP/1.1\r\n{self._head}{_lines(headers)}Content-Length: {len(body)}\r\n\r\n"
        ).encode("ascii")
        if self._room.locked():
            await self._wait_for_room()
        else:
            await self._room.acquire()  # goes through without a pause
        try:
            return await self._post(head, body)
        finally:
            self._room.release()

    async def aclose(self) -> None:
        """Close every connection that is not in use."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        while self._idle:
            await self._idle.pop()[0].aclose()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._settings.pool_timeout_s):
                await self._room.acquire()
        except TimeoutError as error:
            raise BackendOverloaded("every connection to the model server is taken") from error

    async def _post(self, head: bytes, body: bytes) -> Reply:
        if (kept := self._take_idle()) is not None:
            try:
                return await self._exchange(kept, head, body)
            except ConnectionDied as died:
                logger.info("a kept connection was dead, trying once more on a new one", extra={"cause": str(died)})
        return await self._exchange(await self._open(), head, body)

    async def _exchange(self, connection: Connection, head: bytes, body: bytes) -> Reply:
        reply = await connection.exchange(head, body)
        if connection.reusable:
            loop = asyncio.get_running_loop()
            self._idle.append((connection, loop.time()))
            if self._sweeping is None:
                self._sweeping = loop.call_later(KEEPALIVE_EXPIRY_S, self._sweep)
        else:
            connection.close()
        return reply

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.reusable and asyncio.get_running_loop().time() - since < KEEPALIVE_EXPIRY_S:
                return connection
            connection.close()
        return None

    def _sweep(self) -> None:
        """Close what was idle for long, before most servers and firewalls do."""
        loop = asyncio.get_running_loop()
        while self._idle and (not self._idle[0][0].reusable or loop.time() - self._idle[0][1] >= KEEPALIVE_EXPIRY_S):
            self._idle.pop(0)[0].close()
        self._sweeping = loop.call_at(self._idle[0][1] + KEEPALIVE_EXPIRY_S, self._sweep) if self._idle else None

    async def _open(self) -> Connection:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(settings.read_timeout_s, settings.write_timeout_s),
                    self._host,
                    self._port,
                    ssl=self._tls,
                )
        except (OSError, TimeoutError) as error:
            raise BackendUnavailable(f"no connection: {error!r}") from error
        except ValueError as error:  # a name that cannot be one
            raise BackendError(f"no connection: {error!r}") from error
        return connection


def _lines(headers: Mapping[str, str]) -> str:
    """Write headers; their values are our own, or were checked where they came in."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _authorization(name: str | None, password: str | None) -> dict[str, str]:
    if name is None:
        return {}
    told = f"{unquote(name)}:{unquote(password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(told).decode()}"}
