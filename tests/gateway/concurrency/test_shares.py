"""Places for slow work: bounded in all and for each caller."""

from __future__ import annotations

import asyncio

import pytest

from gateway.concurrency.shares import Shares

pytestmark = pytest.mark.anyio


async def test_one_caller_never_takes_the_places_of_the_others() -> None:
    shares = Shares(total=3, each=2)
    taken: list[str] = []

    async def hold(caller: str) -> None:
        async with shares.place(caller):
            taken.append(caller)
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(hold(caller)) for caller in "aaaaabb"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken == ["a", "a", "b"]
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    await asyncio.sleep(0)
    assert len(taken) == 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with shares.place("a"), shares.place("a"), shares.place("b"):
        pass
    assert shares._shares == {}, "nothing is kept of a caller who has left"


async def test_work_that_goes_on_keeps_its_place() -> None:
    shares = Shares(total=2, each=1)
    work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with shares.place("a") as place:
        place.busy = work
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), shares.place("a"):
            pass
    async with shares.place("b"):
        pass
    work.set_exception(OSError())
    await asyncio.sleep(0)
    async with shares.place("a"):
        pass
