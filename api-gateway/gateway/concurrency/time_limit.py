"""A time limit for what others do, which a held-up event loop does not use up."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

#: The parts of a limit. However long the event loop is held up, one part is over by that.
_PARTS = 10


async def within(limit_s: float, asked: Awaitable[T]) -> T:
    """Await an answer; raise TimeoutError without one after ``limit_s`` seconds in which the event loop ran.

    ``asyncio.timeout`` ends a wait even if the answer has arrived while the event loop was held up, as on a machine
    whose processors are taken: a server that answered at once would count as one that does not answer.
    """
    task = asyncio.ensure_future(asked)
    try:
        for _ in range(_PARTS):
            await asyncio.wait((task,), timeout=limit_s / _PARTS)
            if task.done():
                return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
