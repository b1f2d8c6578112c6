"""The three kinds of load: a closed loop, an open loop, and calls that alternate between servers.

Closed loop: each of N clients sends its next image when the last one is answered. Open loop: images are due at a
constant rate, and a latency counts from the due time, so that a server that stalls cannot hide the queue behind it (no
coordinated omission). The images are sent in turn, in the same order to every server.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.load.http_client import TIMEOUT_S, Answer, Connection, RequestFailed
from benchmarks.load.phase import Measured, Phase
from benchmarks.load.target import Target
from ops.load.schedule import due_times as due_times
from ops.load.schedule import open_loop

# More connections than a healthy server needs at 80 % of its capacity. Further requests wait, and the wait counts.
MAX_CONNECTIONS = 64


async def closed(target: Target, images: list[Path], clients: int, warm_s: float, seconds: float) -> Measured:
    """Keep `clients` requests in flight; measure for `seconds` after `warm_s`.

    The window begins and ends with an answer, so that a slow server's rate is not rounded to whole requests.
    """
    phase = Phase(target, images)
    start, cpu = time.perf_counter(), time.process_time()
    stop = start + warm_s + seconds

    async def client() -> None:
        while time.perf_counter() < stop:
            await phase.send_next(time.perf_counter())

    await asyncio.gather(*(client() for _ in range(clients)))
    begin = max((at for at, _ in phase.done if at <= start + warm_s), default=start + warm_s)
    end = max((at for at, _ in phase.done if at <= stop), default=stop)
    return phase.finish(begin, max(end, begin + 1e-9), time.process_time() - cpu)


async def opened(
    target: Target, images: list[Path], rate: float, seconds: float, timeout_s: float = TIMEOUT_S
) -> Measured:
    """Send at a constant `rate` for `seconds` and wait for every answer; latencies count from the due times."""
    phase = Phase(target, images, timeout_s)
    slots = asyncio.Semaphore(MAX_CONNECTIONS)

    async def send(due: float) -> None:
        async with slots:
            await phase.send_next(due)

    start, cpu = time.perf_counter() + 0.05, time.process_time()
    late_s = await open_loop(due_times(rate, seconds), send, start, time.perf_counter)
    end = max((at for at, _ in phase.done), default=time.perf_counter())
    return phase.finish(start, end, time.process_time() - cpu, late_s)


async def alternating(
    targets: list[Target], image: Path, calls: int, warm: int = 2, in_row: int = 5
) -> list[dict[str, object]]:
    """Call each target `in_row` times, then the next one, in turn, with the same image and one request at a time.

    The rows are so short that all targets see the machine's good and bad moments alike. `warm` rounds are not counted.
    Returns, for each target, the latencies, the bodies, and a count of the answers' `X-Cache`. Each row begins with one
    more call, returned as `first_ms`: it finds the server's memory evicted from the CPU caches, unlike the calls of a
    busy client. A target with `unique` gets a few different bytes after the end of each image.
    """
    connections = [await Connection.open(target.host, target.port) for target in targets]
    requests = [target.request(image) for target in targets]
    found: list[dict[str, Any]] = [
        {"latencies_ms": [], "first_ms": [], "bodies": [], "cache": Counter()} for _ in targets
    ]
    numbers = count()

    async def call(index: int) -> tuple[float, Answer]:
        if targets[index].unique:  # not timed
            requests[index] = targets[index].request(image, b"%d.%d" % (index, next(numbers)))
        start = time.perf_counter()
        answer = await asyncio.wait_for(connections[index].send(requests[index]), TIMEOUT_S)
        took_ms = round((time.perf_counter() - start) * 1000, 3)
        if answer.status != 200:
            raise RequestFailed(f"{targets[index].path} answered {answer.status}: {answer.body[:200]!r}")
        return took_ms, answer

    left = calls
    for turn in range(warm + -(-calls // in_row)):
        counted = min(in_row, left) if turn >= warm else 0
        left -= counted
        for index in range(len(targets)) if turn % 2 else reversed(range(len(targets))):
            first_ms, _ = await call(index)
            if counted:
                found[index]["first_ms"].append(first_ms)
            for _ in range(counted):
                took_ms, answer = await call(index)
                found[index]["latencies_ms"].append(took_ms)
                found[index]["bodies"].append(answer.body.decode())
                found[index]["cache"][answer.headers.get("x-cache", "none")] += 1
    for connection in connections:
        connection.close()
    return found
