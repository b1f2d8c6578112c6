"""Places for slow work, of which no caller gets more than a share: what one waits for does not keep the others out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Place:
    """A place that is taken. ``busy`` is work that goes on when its caller gives up, such as a thread's."""

    busy: asyncio.Future[Any] | None = None


@dataclass(slots=True)
class _Share:
    places: asyncio.Semaphore
    users: int = 0


class Shares:
    """``total`` places, of which one caller holds at most ``each``. They are given in the order of arrival."""

    def __init__(self, total: int, each: int) -> None:
        self._places = asyncio.Semaphore(total)
        self._each = each
        self._shares: dict[str, _Share] = {}

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncGenerator[Place]:
        """Wait for a place. It is free again when the block has ended and ``busy`` is done."""
        share = self._shares.setdefault(caller, _Share(asyncio.Semaphore(self._each)))
        share.users += 1
        try:
            await share.places.acquire()
            try:
                await self._places.acquire()
            except BaseException:
                share.places.release()
                raise
        except BaseException:
            self._leave(caller, share)
            raise
        place = Place()

        def free(work: asyncio.Future[Any] | None = None) -> None:
            if work is not None and not work.cancelled():
                work.exception()  # nobody waits for it any more
            self._places.release()
            share.places.release()
            self._leave(caller, share)

        try:
            yield place
        finally:
            if place.busy is None or place.busy.done():
                free()
            else:
                place.busy.add_done_callback(free)

    def _leave(self, caller: str, share: _Share) -> None:
        share.users -= 1
        if not share.users:
            del self._shares[caller]
