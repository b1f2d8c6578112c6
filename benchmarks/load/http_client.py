"""The leanest HTTP/1.1 client that measures honestly: whole requests made beforehand, one protocol per connection.

RequestFailed       a request got no complete answer
└── Refused         the connection could not be opened
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BOUNDARY = "----------------bench0fd1c5a0"
HEAD_LIMIT = 64 * 1024


class RequestFailed(Exception):  # noqa: N818 - reads as what happened
    """No complete answer came."""


class Refused(RequestFailed):
    """The connection could not be opened."""


@dataclass(frozen=True)
class Target:
    """Where and how pictures are sent: as the form field `field`, or as the raw body when it is None.

    `headers` are sent with each. `unlike`: no two pictures are to be the same to the server, see load.alternating.
    """

    port: int
    path: str
    field: str | None = None
    host: str = "127.0.0.1"
    headers: tuple[tuple[str, str], ...] = ()
    unlike: bool = False

    def request(self, picture: Path, more: bytes = b"") -> bytes:
        """Return the whole request for a picture, head and body, ready for the socket.

        `more` comes after the picture's own bytes: decoders stop at its end, so it looks the same and is another file.
        """
        data = picture.read_bytes() + more
        if self.field is None:
            content_type, body = "image/jpeg", data
        else:
            head = (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.field}"; filename="picture.jpg"\r\n'
                "Content-Type: image/jpeg\r\n\r\n"
            )
            content_type = f"multipart/form-data; boundary={BOUNDARY}"
            body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
        lines = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nAccept: application/json\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in self.headers)
            + "\r\n"
        )
        return lines.encode() + body


@dataclass(frozen=True)
class Answer:
    """Status, body and headers (names in lower case) of a response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Connection(asyncio.Protocol):
    """A keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None
        self.alive = False

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Connect. Raises Refused."""
        try:
            _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        except OSError as error:
            raise Refused(str(error)) from error
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; called by the event loop."""
        self._transport = transport  # type: ignore[assignment]
        self.alive = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way; called by the event loop."""
        self.alive = False
        self._finish(error=RequestFailed(f"the connection was closed ({exc or 'by the server'})"))

    def eof_received(self) -> bool:
        """Close with the server."""
        return False

    def data_received(self, data: bytes) -> None:
        """Collect; hand over when an answer is complete; called by the event loop."""
        self._buffer += data
        try:
            parsed = parse(self._buffer)
        except ValueError as error:
            self.close()
            self._finish(error=RequestFailed(str(error)))
            return
        if parsed is not None:
            answer, keep = parsed
            self._buffer.clear()
            if not keep:
                self.close()
            self._finish(answer)

    async def send(self, request: bytes) -> Answer:
        """Send a whole request and return its answer. Raises RequestFailed; the caller limits the time."""
        if not self.alive or self._transport is None:
            raise RequestFailed("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Close the connection."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()

    def _finish(self, answer: Answer | None = None, error: RequestFailed | None = None) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            return
        if answer is not None:
            waiting.set_result(answer)
        elif error is not None:
            waiting.set_exception(error)


def parse(buffer: bytearray) -> tuple[Answer, bool] | None:
    """Return (answer, may the connection be kept) when the buffer holds a whole response, else None.

    Raises ValueError for what is no HTTP/1.x response with a length or chunks.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > HEAD_LIMIT:
            raise ValueError("the head of the response is too long")
        return None
    head = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    version, _, rest = head[0].partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP/1.x response: {head[0][:40]!r}")
    status = int(rest[:3])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    keep = headers.get("connection", "keep-alive").lower() != "close"
    start = end + 4
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = unchunk(buffer, start)
        return None if body is None else (Answer(status, body, headers), keep)
    if "content-length" not in headers:
        raise ValueError("the response has neither a length nor chunks")
    stop = start + int(headers["content-length"])
    return (Answer(status, bytes(buffer[start:stop]), headers), keep) if len(buffer) >= stop else None


def unchunk(buffer: bytearray, start: int) -> bytes | None:
    """Return the body of a chunked response, None when its end has not come. Raises ValueError for bad chunks."""
    parts = []
    while True:
        end = buffer.find(b"\r\n", start)
        if end < 0:
            return None
        length = int(bytes(buffer[start:end]).split(b";")[0], 16)
        start = end + 2
        if len(buffer) < start + length + 2:
            return None
        if length == 0:
            return b"".join(parts)
        parts.append(bytes(buffer[start : start + length]))
        start += length + 2
