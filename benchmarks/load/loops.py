"""The load generator, a process of its own: closed loop, open loop, or calls alternating between two servers.

    python -m benchmarks.load.loops < plan.json > measured.json

Closed loop: each of N clients sends its next picture when the last is answered. Open loop: pictures are due at a
constant rate whatever the server does, and a latency counts from the moment the picture was due, so that a server that
stalls cannot hide the queue behind it (no coordinated omission). Pictures are taken in turn, in the same order for
everyone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.load.http_client import Answer, Connection, RequestFailed, Target
from benchmarks.load.phase import TIMEOUT_S, Measured, Phase

# More connections than any healthy server needs at 80 % of its capacity; beyond, requests wait here and it counts.
MAX_CONNECTIONS = 64


async def closed(target: Target, pictures: list[Path], clients: int, warm_s: float, seconds: float) -> Measured:
    """Keep `clients` requests under way; measure for `seconds` after `warm_s`.

    The window begins and ends with an answer, so that a slow server's rate is not rounded to whole requests.
    """
    phase = Phase(target, pictures)
    start, cpu = time.perf_counter(), time.process_time()
    stop = start + warm_s + seconds

    async def client() -> None:
        while time.perf_counter() < stop:
            await phase.ask(time.perf_counter())

    await asyncio.gather(*(client() for _ in range(clients)))
    phase.close()
    answered = [at for at, _ in phase.done]
    begin = max((at for at in answered if at <= start + warm_s), default=start + warm_s)
    end = max((at for at in answered if at <= stop), default=stop)
    return phase.measured(begin, max(end, begin + 1e-9), time.process_time() - cpu)


def due_times(rate: float, seconds: float) -> Iterator[float]:
    """Yield when requests are due, in seconds from the start: evenly, `rate` a second."""
    for index in range(max(1, round(rate * seconds))):
        yield index / rate


async def opened(
    target: Target, pictures: list[Path], rate: float, seconds: float, timeout_s: float = TIMEOUT_S
) -> Measured:
    """Send at a constant `rate` for `seconds` and wait for every answer; latencies count from when it was due."""
    phase = Phase(target, pictures, timeout_s)
    room = asyncio.Semaphore(MAX_CONNECTIONS)
    late = 0.0
    running: set[asyncio.Task[None]] = set()

    async def one(due: float) -> None:
        async with room:
            await phase.ask(due)

    start, cpu = time.perf_counter() + 0.05, time.process_time()
    for offset in due_times(rate, seconds):
        due = start + offset
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        late = max(late, time.perf_counter() - due)
        task = asyncio.create_task(one(due))
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    end = max((at for at, _ in phase.done), default=time.perf_counter())
    phase.close()
    measured = phase.measured(start, end, time.process_time() - cpu)
    measured.late_ms = round(late * 1000, 3)
    return measured


async def alternating(
    targets: list[Target], picture: Path, calls: int, warm: int = 2, in_row: int = 5
) -> list[dict[str, object]]:
    """Call each target `in_row` times, then the next, in turn, with the same picture, one request at a time.

    Returns for each target its latencies, bodies, how often the answers said which `X-Cache`, and apart (`first_ms`)
    the latency of one more call before each row: a server that was left alone meanwhile finds its memory out of the
    processor's caches, and is not what a client sees that calls again and again. Turns that are so short share the
    machine's good and bad moments, so the difference of two targets is theirs. `warm` rounds count for nothing. A
    target that wants pictures unlike each other gets a few bytes more after the end of each.
    """
    connections = [await Connection.open(target.host, target.port) for target in targets]
    requests = [target.request(picture) for target in targets]
    found: list[dict[str, Any]] = [
        {"latencies_ms": [], "first_ms": [], "bodies": [], "cache": Counter()} for _ in targets
    ]
    numbers = count()

    async def call(index: int) -> tuple[float, Answer]:
        if targets[index].unlike:  # off the clock
            requests[index] = targets[index].request(picture, b"%d.%d" % (index, next(numbers)))
        start = time.perf_counter()
        answer: Answer = await asyncio.wait_for(connections[index].send(requests[index]), TIMEOUT_S)
        took = (time.perf_counter() - start) * 1000
        if answer.status != 200:
            raise RequestFailed(f"{targets[index].path} answered {answer.status}: {answer.body[:200]!r}")
        return round(took, 3), answer

    left = calls
    for turn in range(warm + -(-calls // in_row)):
        counted = min(in_row, left) if turn >= warm else 0
        left -= counted
        for index in range(len(targets)) if turn % 2 else reversed(range(len(targets))):
            one = found[index]
            first, _ = await call(index)
            if counted:
                one["first_ms"].append(first)
            for _ in range(counted):
                took, answer = await call(index)
                one["latencies_ms"].append(took)
                one["bodies"].append(answer.body.decode())
                one["cache"][answer.headers.get("x-cache", "none")] += 1
    for connection in connections:
        connection.close()
    return found


async def answer(target: Target, picture: Path, timeout_s: float = TIMEOUT_S) -> Answer:
    """Send one picture over a connection of its own. Raises RequestFailed, TimeoutError."""
    async with asyncio.timeout(timeout_s):
        connection = await Connection.open(target.host, target.port)
        try:
            return await connection.send(target.request(picture))
        finally:
            connection.close()


async def run(plan: dict) -> object:
    """Do what a plan says: {"kind": "closed" | "open" | "alternating", "targets": […], "pictures": […], …}."""
    targets = [Target(**target) for target in plan["targets"]]
    pictures = [Path(picture) for picture in plan["pictures"]]
    match plan["kind"]:
        case "closed":
            return asdict(await closed(targets[0], pictures, plan["clients"], plan["warm_s"], plan["seconds"]))
        case "open":
            return asdict(await opened(targets[0], pictures, plan["rate"], plan["seconds"]))
        case "alternating":
            return await alternating(targets, pictures[0], plan["calls"])
    raise ValueError(f"unknown kind {plan['kind']!r}")


def main() -> int:
    """Read a plan from standard input, measure, write what was measured to standard output."""
    plan = json.load(sys.stdin)
    if plan.get("cpus"):
        with suppress(AttributeError, OSError):  # not on every system
            os.sched_setaffinity(0, plan["cpus"])
    json.dump(asyncio.run(run(plan)), sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
