"""The schedule of an open loop: what is due does not wait for answers."""

from __future__ import annotations

import asyncio

from ops.load.schedule import due_times, open_loop


def test_requests_are_due_at_a_constant_rate():
    assert list(due_times(4, 1)) == [0, 0.25, 0.5, 0.75]
    assert list(due_times(0.1, 2)) == [0]


def test_a_request_that_hangs_delays_no_other_one():
    started = []
    all_started = asyncio.Event()

    async def send(due):
        started.append(due)
        if len(started) == 5:
            all_started.set()
        await all_started.wait()  # a closed loop would stop here

    async def run():
        before = asyncio.get_running_loop().time()
        await asyncio.wait_for(open_loop(due_times(100, 0.05), send), 60)
        return before

    before = asyncio.run(run())
    assert len(started) == 5
    assert [round(due - started[0], 3) for due in started] == [0, 0.01, 0.02, 0.03, 0.04]
    assert started[0] >= before
