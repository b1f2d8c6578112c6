"""A limit of time that a held-up event loop does not use up."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.concurrency.time_limit import within

pytestmark = pytest.mark.anyio


def answer() -> str:
    """Take a moment, in a thread: as others do, it goes on while the event loop is held up."""
    time.sleep(0.05)
    return "an answer"


async def test_an_answer_that_arrives_while_the_event_loop_is_held_up_is_in_time() -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, time.sleep, 1.3)
    assert await within(1, loop.run_in_executor(None, answer)) == "an answer"


async def test_without_an_answer_it_is_over_and_the_work_is_cancelled() -> None:
    cancelled = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(TimeoutError):
        await within(0.05, hang())
    assert cancelled == [True]


async def test_an_error_is_the_callers() -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await within(1, fail())


async def test_a_caller_that_is_cancelled_leaves_no_work_behind() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(within(60, work()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()
