"""Connections that take a server's places but no pictures' turns: idle ones that are kept open, and slow senders."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

from benchmarks.load.http_client import TIMEOUT_S, Connection, RequestFailed
from benchmarks.load.target import Target

# So many are opened at a time: a crowd that arrives in one moment overflows a server's backlog.
OPENED_AT_ONCE = 50
PIECE_BYTES, PIECE_S = 64, 0.5


@dataclass
class Seen:
    """What became of the bystanders. `slow_ended` counts slow senders by the status that they got, or `closed`."""

    idle: int = 0
    idle_opened: int = 0
    idle_open_after: int = 0
    slow: int = 0
    slow_ended: dict[str, int] = field(default_factory=dict)


@asynccontextmanager
async def bystanders(target: Target, request: bytes, idle: int, slow: int) -> AsyncIterator[Seen]:
    """Keep `idle` connections open and `slow` senders busy with a `request` while the body of the `with` runs."""
    seen = Seen(idle=idle, slow=slow)
    kept = await open_idle(target, idle)
    seen.idle_opened = len(kept)
    ended: Counter[str] = Counter()
    senders = [asyncio.create_task(send_slowly(target, request, ended)) for _ in range(slow)]
    try:
        yield seen
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        seen.slow_ended = dict(ended)
        seen.idle_open_after = sum(connection.alive for connection in kept)
        for connection in kept:
            connection.close()


async def open_idle(target: Target, number: int) -> list[Connection]:
    """Open connections and send one short request over each; return those that were answered and kept open."""
    request = f"GET /health/live HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n\r\n".encode()

    async def open_one() -> Connection | None:
        with suppress(RequestFailed, TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                connection = await Connection.open(target.host, target.port)
                await connection.send(request)
                return connection
        return None

    kept: list[Connection] = []
    numbers = iter(range(number))
    while batch := list(islice(numbers, OPENED_AT_ONCE)):
        opened = await asyncio.gather(*(open_one() for _ in batch))
        kept += [connection for connection in opened if connection is not None and connection.alive]
    return kept


def pieces(request: bytes) -> Iterator[bytes]:
    """Yield the head of a request as a whole, then its body a few bytes at a time."""
    head, _, body = request.partition(b"\r\n\r\n")
    yield head + b"\r\n\r\n"
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


async def send_slowly(target: Target, request: bytes, ended: Counter[str]) -> None:
    """Send a request in small pieces, over a new connection whenever the server has ended the last one."""
    while True:
        try:
            connection = await Connection.open(target.host, target.port)
        except RequestFailed:
            ended["refused"] += 1
            await asyncio.sleep(PIECE_S)
            continue
        try:
            answer = await connection.send_in_pieces(pieces(request), PIECE_S)
            ended[str(answer.status)] += 1
        except RequestFailed:
            ended["closed"] += 1
        finally:
            connection.close()
        await asyncio.sleep(PIECE_S)
