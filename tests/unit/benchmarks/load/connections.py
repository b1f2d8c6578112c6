"""A tiny server on loopback that closes its connections before the event loop ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from benchmarks.load.target import Target


@asynccontextmanager
async def serving(handler):
    """A server on a free port; every connection is closed again before the loop is."""
    tasks = set()

    async def tracked(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(tracked, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield Target(server.sockets[0].getsockname()[1], "/predict", "file")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
