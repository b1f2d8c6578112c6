"""A server that does nothing, to learn what the load generator itself costs, and for its tests.

python -m benchmarks.null_server PORT
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

BODY = b'[{"xyxy":[0.0,0.0,1.0,1.0],"conf":0.5,"cls":0,"name":"nothing"}]'


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of a connection at once with the same boxes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            await reader.readexactly(length)
            writer.write(head + BODY)
            await writer.drain()
    writer.close()


async def main() -> None:
    """Serve on loopback until killed."""
    server = await asyncio.start_server(serve_one, "127.0.0.1", int(sys.argv[1]), limit=1 << 20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
