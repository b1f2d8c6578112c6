"""A lean HTTP/1.1 client for measuring: requests are prepared in advance, responses are parsed by llhttp (httptools).

RequestFailed       the request got no complete response
└── Refused         the connection could not be opened
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httptools

from benchmarks.load.target import Target

TIMEOUT_S = 30.0


class RequestFailed(Exception):  # noqa: N818 - the name is a key of the results' `errors`
    """The request got no complete response."""


class Refused(RequestFailed):
    """The connection could not be opened."""


@dataclass(frozen=True)
class Answer:
    """Status, body and headers (names in lower case) of a response."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Connection(asyncio.Protocol):
    """A keep-alive connection with at most one request in flight. The `on_*` methods are the parser's callbacks."""

    def __init__(self) -> None:
        self.alive = False
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    @classmethod
    async def open(cls, host: str, port: int, source: str | None = None) -> Connection:
        """Connect, from the local address `source` where one is named. Raises Refused."""
        local = None if source is None else (source, 0)
        try:
            _, connection = await asyncio.get_running_loop().create_connection(cls, host, port, local_addr=local)
        except OSError as error:
            raise Refused(str(error)) from error
        return connection

    async def send(self, request: bytes) -> Answer:
        """Send a whole request and return its answer. Raises RequestFailed. The caller sets the timeout."""
        if not self.alive or self._transport is None:
            raise RequestFailed("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    async def send_in_pieces(self, pieces: Iterator[bytes], pause_s: float) -> Answer:
        """Send a request in pieces with pauses between them; return its answer, which may come before the last piece.

        Raises RequestFailed.
        """
        answer = asyncio.ensure_future(self.send(next(pieces)))
        try:
            for piece in pieces:
                await asyncio.wait([answer], timeout=pause_s)
                if answer.done() or self._transport is None:
                    break
                self._transport.write(piece)
            return await answer
        finally:
            answer.cancel()

    def close(self) -> None:
        """Close the connection."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]
        self.alive = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request in flight."""
        self.alive = False
        self._finish(RequestFailed(f"the connection was closed ({exc or 'by the server'})"))

    def data_received(self, data: bytes) -> None:
        """Pass the bytes to the parser."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.close()
            self._finish(RequestFailed(f"not an HTTP/1.x response: {error}"))

    def on_message_begin(self) -> None:
        """Start a response."""
        self._headers, self._body = {}, bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """Collect the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """Hand the response over; close the connection if the server wants that."""
        if not self._parser.should_keep_alive():
            self.close()
        self._finish(Answer(self._parser.get_status_code(), bytes(self._body), self._headers))

    def _finish(self, outcome: Answer | RequestFailed) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, Answer):
            waiting.set_result(outcome)
        else:
            waiting.set_exception(outcome)


async def send_once(target: Target, image: Path, timeout_s: float = TIMEOUT_S) -> Answer:
    """Send one image over a connection of its own. Raises RequestFailed, TimeoutError."""
    async with asyncio.timeout(timeout_s):
        connection = await Connection.open(target.host, target.port)
        try:
            return await connection.send(target.request(image))
        finally:
            connection.close()
