"""Several requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from ops.errors import OpsError

T = TypeVar("T")


async def at_once(items: Iterable[T], jobs: int, do: Callable[[T], Awaitable[None]]) -> None:
    """Await `do` for each item, for `jobs` of them at a time. Raises the first OpsError, and begins no more then."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(work())
    except* OpsError as errors:
        raise errors.exceptions[0] from None
