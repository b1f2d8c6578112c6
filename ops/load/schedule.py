"""The schedule of an open loop: requests are due at fixed times, whatever the server does.

A closed loop, where each client waits for its answer, sends less to a server that slows down, and so hides the queue
in front of it. Here a latency counts from the due time (no coordinated omission). Standard library only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any


def due_times(rate: float, seconds: float) -> Iterator[float]:
    """Yield the due times of requests at a constant `rate`, in seconds from the start; at least one."""
    for index in range(max(1, round(rate * seconds))):
        yield index / rate


async def open_loop(
    offsets: Iterable[float],
    send: Callable[[float], Coroutine[Any, Any, object]],
    start: float | None = None,
    clock: Callable[[], float] | None = None,
) -> float:
    """Start `send(due)` when each request is due, and wait until all have ended. Returns the longest delay of a start.

    `offsets` are seconds from `start`, by default from now, in ascending order; `due` is on `clock`, by default that of
    the event loop. `send` bounds its own duration, or the requests to a server that hangs would pile up.
    """
    now = clock or asyncio.get_running_loop().time
    start = now() if start is None else start
    late_s = 0.0
    async with asyncio.TaskGroup() as requests:
        for offset in offsets:
            due = start + offset
            if (pause := due - now()) > 0:
                await asyncio.sleep(pause)
            late_s = max(late_s, now() - due)
            requests.create_task(send(due))
    return late_s
