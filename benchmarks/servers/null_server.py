"""A stand-in for TorchServe that answers at once: only the cost of its client remains, load generator or gateway.

python -m benchmarks.servers.null_server PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from benchmarks.paths import ROOT
from benchmarks.servers.server import Server

VERSION = "1.0"
PREDICTION = {
    "boxes": [
        {"xyxy": [10.5 * number, 20.25, 10.5 * number + 100, 220.75], "conf": 0.5, "cls": 0, "name": "nothing"}
        for number in range(5)
    ],
    "task": "detect",
    "image": {"width": 810, "height": 1080},
    "model": {"name": "yolo", "version": VERSION},
    "timings_ms": {"decode": 0.0, "letterbox": 0.0, "infer": 0.0, "nms": 0.0, "total": 0.0},
}
WORKER = {
    "id": "9000", "startTime": "2026-01-01T00:00:00.000Z", "status": "READY", "memoryUsage": 0, "pid": 1,
    "gpu": False, "gpuUsage": "N/A",
}  # fmt: skip
DESCRIPTION = {
    "modelName": "yolo", "modelVersion": VERSION, "modelUrl": "yolo.mar", "batchSize": 1, "maxBatchDelay": 5,
    "workers": [WORKER], "jobQueueStatus": {"remainingCapacity": 100, "pendingRequests": 0},
}  # fmt: skip
BODY = json.dumps([PREDICTION]).encode()
DESCRIPTION_BODY = json.dumps([DESCRIPTION]).encode()


def start_null_server(server: Server, port: int) -> None:
    """Start it as a part of `server`; the caller waits for the first answer."""
    argv = [sys.executable, "-m", "benchmarks.servers.null_server", str(port)]
    server.start("null", argv, ROOT)


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every POST of a connection with the same boxes, every GET with the model's description."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            lengths = (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            await reader.readexactly(next(lengths, 0))
            body = DESCRIPTION_BODY if lines[0].startswith(b"get ") else BODY
            writer.write(head % len(body) + body)
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
