"""Single flight: identical work runs once, and every caller that arrives meanwhile gets the same result."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class TooManyWaitError(Exception):
    """As many callers as allowed already wait for this result."""


@dataclass
class _Flight(Generic[T]):
    landed: asyncio.Future[T]
    waiting: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Flights(Generic[T]):
    """Work under way, by key. It belongs to all its callers: it is cancelled when the last of them leaves.

    A failure is raised to all of them: one retry for each would add load where there is trouble already. ``most``
    bounds the callers that wait for one result.
    """

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    async def join(
        self,
        key: Hashable,
        work: Callable[[], Coroutine[Any, Any, T]],
        after: Callable[[T], Awaitable[None]] | None = None,
    ) -> tuple[T, bool]:
        """Return the result of ``work``, and whether another caller had started it.

        ``after`` is awaited with the result once the callers have it; a caller that arrives before it ends gets the
        same result. Raises what ``work`` raises, and :class:`TooManyWaitError`.
        """
        flight = self._flights.get(key)
        shared = flight is not None
        if flight is None:
            flight = self._flights[key] = self._take_off(key, work, after)
        elif flight.waiting >= self._most:
            raise TooManyWaitError
        flight.waiting += 1
        try:
            # The future itself is not awaited: a cancelled caller would cancel it for all.
            await asyncio.wait((flight.landed,))
            return flight.landed.result(), shared
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.landed.done():
                await self._give_up(key, flight)

    def detach(self, key: Hashable) -> None:
        """Close the work under this key to new callers; those that wait still get its result."""
        self._flights.pop(key, None)

    async def aclose(self) -> None:
        """Cancel all work under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take_off(
        self,
        key: Hashable,
        work: Callable[[], Coroutine[Any, Any, T]],
        after: Callable[[T], Awaitable[None]] | None,
    ) -> _Flight[T]:
        flight: _Flight[T] = _Flight(asyncio.get_running_loop().create_future())
        flight.task = asyncio.create_task(self._fly(key, flight, work, after))
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._tasks.discard)
        flight.task.add_done_callback(lambda _: self._end(key, flight))
        return flight

    def _end(self, key: Hashable, flight: _Flight[T]) -> None:
        # For a task that was cancelled, perhaps before its first step: its callers must not wait for ever.
        self._forget(key, flight)
        flight.landed.cancel()

    async def _give_up(self, key: Hashable, flight: _Flight[T]) -> None:
        self._forget(key, flight)  # first: no caller may join work that is being cancelled
        if flight.task is not None:
            flight.task.cancel()
            await asyncio.wait((flight.task,))

    async def _fly(
        self,
        key: Hashable,
        flight: _Flight[T],
        work: Callable[[], Coroutine[Any, Any, T]],
        after: Callable[[T], Awaitable[None]] | None,
    ) -> None:
        try:
            result = await work()
        except Exception as error:
            self._forget(key, flight)
            flight.landed.set_exception(error)
            flight.landed.exception()  # retrieved, so that asyncio does not warn when all callers have left
        else:
            flight.landed.set_result(result)
            if after is not None:
                await after(result)

    def _forget(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
