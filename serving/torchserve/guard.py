"""TorchServe's ports: a reverse proxy that passes on the requests of programs and refuses those of web pages.

TorchServe checks neither Host nor Origin, so any page in a browser that reaches its ports could register and run a
folder of the disk as a model, or unload the one that serves. It therefore listens on Unix sockets in a private folder,
and this process on the ports. Its own tokens would close the ports as well, but it draws new ones at each start.

Requests are framed and checked one by one, because a browser shares a connection among pages. Answers are passed on
unread, but for the status of each, for the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import request_head
from access import Access
from log_lines import JsonLog
from request_head import RefusedError

BUFFER = 262_144
BACKLOG = 1024
# Until TorchServe listens, its ports refuse connections, as without this proxy.
LOOK_EVERY_S = 0.05
# A client that is refused may still be sending; it gets so long to notice the answer.
LINGER_S = 2.0
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*[;\r]")


@dataclass(frozen=True)
class Port:
    """An address to listen on, and the socket of TorchServe behind it."""

    host: str
    number: int
    socket: Path


def bind(port: Port) -> socket.socket:
    """Return a socket that has the address and does not listen yet. Raises OSError when the address is taken."""
    (family, kind, _, _, address), *_ = socket.getaddrinfo(port.host, port.number, type=socket.SOCK_STREAM)
    # With the protocol named, asyncio turns Nagle's algorithm off.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


async def open_port(
    port: Port,
    listener: socket.socket,
    allowed: frozenset[str],
    is_running: Callable[[], bool],
    log: JsonLog | None = None,
) -> asyncio.Server | None:
    """Listen as soon as TorchServe does; None if it ends before. Requests are logged to `log`."""
    while is_running():
        with contextlib.suppress(OSError):
            _, probe = await asyncio.open_unix_connection(port.socket)
            probe.close()
            relay = Relay(port.socket, allowed, log)
            return await asyncio.start_server(relay, sock=listener, backlog=BACKLOG, limit=BUFFER)
        await asyncio.sleep(LOOK_EVERY_S)
    return None


class Relay:
    """Passes the requests of a connection on, and the answers back, until either side closes it."""

    def __init__(self, path: Path, allowed: frozenset[str], log: JsonLog | None = None) -> None:
        self.path = path
        self.allowed = allowed
        self.log = log

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        upstream: asyncio.StreamWriter | None = None
        answers: asyncio.Task[None] | None = None
        access = Access(self.log) if self.log is not None else None
        try:
            while head := await _read_head(reader):
                request = request_head.parse(head)
                request_head.require_program(request.fields, self.allowed)
                if upstream is None:
                    source, upstream = await asyncio.open_unix_connection(self.path, limit=BUFFER)
                    answers = asyncio.create_task(_pass_answers(source, writer, access))
                if access is not None:
                    access.asked(request)
                upstream.write(head)
                if request.length is None:
                    await _pass_chunks(reader, upstream)
                else:
                    await _pass_bytes(reader, upstream, request.length)
        except RefusedError as refusal:
            if access is not None:
                access.refused(refusal)
            await _refuse(reader, writer, refusal)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side is gone, or TorchServe ended and this process does
        finally:
            if answers is not None:
                answers.cancel()
            for end in (writer, upstream):
                if end is not None:
                    end.close()
            if access is not None:
                access.ended()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """Return the next head; empty when the client closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    except asyncio.LimitOverrunError:
        head = b""
    if not 0 < len(head) <= request_head.LARGEST:
        raise RefusedError(431, "the headers are too large")
    return head


async def _pass_bytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int) -> None:
    while count:
        part = await reader.read(min(count, BUFFER))
        if not part:
            raise asyncio.IncompleteReadError(b"", count)
        writer.write(part)
        await writer.drain()
        count -= len(part)


async def _pass_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size = -1
    while size:
        line = await _pass_line(reader, writer)
        digits = CHUNK_SIZE.match(line)
        if digits is None:
            raise RefusedError(400, "a chunk of the body is not valid")
        size = int(digits[1], 16)
        if size:
            await _pass_bytes(reader, writer, size + 2)
    while await _pass_line(reader, writer) != b"\r\n":
        pass  # trailers


async def _pass_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        line = await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise RefusedError(400, "a chunk of the body is not valid") from None
    writer.write(line)
    return line


async def _pass_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, access: Access | None) -> None:
    """Pass everything back; TorchServe's end of the connection is the client's."""
    with contextlib.suppress(OSError):
        while part := await reader.read(BUFFER):
            writer.write(part)
            if access is not None:
                access.answered(part)
            await writer.drain()
    writer.close()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: RefusedError) -> None:
    """Answer in TorchServe's form, and close the connection once the client has had time to read it."""
    status = HTTPStatus(refusal.status)
    body = json.dumps({"code": refusal.status, "type": "RequestRefused", "message": str(refusal)}).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LINGER_S):
            writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
            writer.write_eof()
            while await reader.read(BUFFER):
                pass
