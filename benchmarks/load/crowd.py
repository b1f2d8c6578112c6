"""A crowd: groups of clients that load one server at the same time and are recorded one by one.

An open group sends at fixed times whatever comes back, over as many connections as that takes: no queue in the client
protects the server, and latencies count from the due times. A closed group keeps a number of requests in flight; a
client that is refused waits as long as `Retry-After` says, but at most a second, before it sends again. A client
leaves, and closes its connection, when its patience ends.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.load.bystanders import bystanders
from benchmarks.load.phase import Phase
from benchmarks.load.target import Target
from ops.load.schedule import due_times, open_loop

#: Requests are due this long after the start is decided, so that the first one is not late.
LEAD_S = 0.05
RETRY_S = 1.0


@dataclass(frozen=True)
class Group:
    """The clients of one caller: `rate` requests a second (open loop), else `clients` in flight (closed loop).

    `source` is the local address that they connect from: servers tell callers apart by it. `headers` are added to those
    of the target.
    """

    name: str
    rate: float = 0.0
    clients: int = 0
    source: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


async def crowd(
    target: Target, images: list[Path], groups: list[Group], seconds: float, patience_s: float,
    idle: int = 0, slow: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Load a server for `seconds` and wait until every request has ended.

    Returns `groups`, each with its outcomes as [due in s from the start, duration in ms, status or kind of error];
    `bystanders`; the CPU time of this process, and the longest delay of a request behind its due time.
    """
    phases = [
        Phase(replace(target, headers=(*target.headers, *one.headers)), images, patience_s, one.source)
        for one in groups
    ]
    late_s = 0.0

    async def load(one: Group, phase: Phase) -> None:
        nonlocal late_s
        if one.rate:
            offsets = due_times(one.rate, seconds)
            late_s = max(late_s, await open_loop(offsets, phase.send_next, start, time.perf_counter))
        else:
            await asyncio.gather(*(keep_sending(phase, start + seconds) for _ in range(one.clients)))

    async with bystanders(target, phases[0].requests[0], idle, slow) as seen:
        start, cpu = time.perf_counter() + LEAD_S, time.process_time()
        await asyncio.gather(*(load(one, phase) for one, phase in zip(groups, phases, strict=True)))
        cpu_s = time.process_time() - cpu
    for phase in phases:
        phase.close()
    return {
        "groups": {
            one.name: [[round(due - start, 4), round(took * 1000, 2), kind] for due, took, kind in phase.outcomes]
            for one, phase in zip(groups, phases, strict=True)
        },
        "bystanders": asdict(seen),
        "client_cpu_s": cpu_s,
        "late_ms": round(late_s * 1000, 3),
    }


async def keep_sending(phase: Phase, stop: float) -> None:
    """Send one request after the other until `stop`."""
    while (due := time.perf_counter()) < stop:
        if pause := await phase.send_next(due):
            await asyncio.sleep(min(pause, RETRY_S, max(0.0, stop - time.perf_counter())))
