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


async def open_loop(offsets: Iterable[float], send: Callable[[float], Coroutine[Any, Any, None]]) -> None:
    """Start `send(due)` when each request is due, and wait until all have ended.

    `offsets` are seconds from now in ascending order; `due` is on the clock of the event loop. `send` bounds its own
    duration, or the requests to a server that hangs would pile up.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as requests:
        for offset in offsets:
            due = start + offset
            if (pause := due - loop.time()) > 0:
                await asyncio.sleep(pause)
            requests.create_task(send(due))
