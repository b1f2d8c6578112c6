"""The place of a caller that was just answered is kept for a moment, while no worker waits for work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.limits.admission import AdmittingDetector
from gateway.limits.room import Room
from gateway.model_server.base import Readiness
from tests.gateway.support.simulated_server import SimulatedServer, ask_of
from tests.gateway.support.virtual_time import in_virtual_time

TOOK_S = 0.1


class Queued:
    """A model server of one worker, with two places that ``first`` and ``other`` take; two more of ``other`` wait."""

    def __init__(self, workers: int | None = 1, batch_size: int = 1) -> None:
        self.server = SimulatedServer(workers=1, service_s=TOOK_S, way_s=0, spread=0)
        room = Room(in_flight=2, waiting=50, wait_s=60, long_wait_s=60, registry=CollectorRegistry())
        readiness = Readiness(True, workers=workers, batch_size=batch_size)
        self.admission = AdmittingDetector(self.server, room, lambda: readiness, "yolo")
        self.tasks: list[asyncio.Task[Any]] = []

    async def first_is_answered(self, urgent: bool = True) -> None:
        first = self.ask("first", urgent=urgent)
        for _ in range(3):
            self.ask("other", urgent=urgent)
        await first

    def ask(self, caller: str, **claim: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(self.admission.detect(ask_of(caller, **claim)))
        self.tasks.append(task)
        return task

    async def order(self) -> list[str]:
        await asyncio.gather(*self.tasks)
        return self.server.answered


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return in_virtual_time(work)


async def _comes_back_after(seconds: float) -> list[str]:
    queued = Queued()
    for caller in ("other", "other", "first", "other", "other"):
        queued.ask(caller)
    await queued.tasks[2]
    await asyncio.sleep(seconds)
    queued.ask("first")
    return await queued.order()


def test_who_comes_back_soon_has_its_place() -> None:
    assert run(_comes_back_after(0.05 * TOOK_S)) == ["other", "other", "first", "other", "first", "other"]


def test_who_does_not_come_back_soon_has_lost_it() -> None:
    assert run(_comes_back_after(0.3 * TOOK_S)) == ["other", "other", "first", "other", "other", "first"]


@pytest.mark.parametrize(
    ("server", "urgent"),
    [({"workers": None}, True), ({"workers": 2}, True), ({"batch_size": 4}, True), ({}, False)],
    ids=["nobody knows the workers", "a worker would idle", "batches have to fill", "it is not urgent"],
)
def test_no_place_is_kept_where(server: dict[str, Any], urgent: bool) -> None:
    async def work() -> int:
        queued = Queued(**server)
        await queued.first_is_answered(urgent=urgent)
        await asyncio.sleep(0)
        in_flight = queued.server.in_flight
        await queued.order()
        return in_flight

    assert run(work()) == 2


def test_no_place_is_kept_for_a_caller_whose_next_request_waits() -> None:
    async def work() -> int:
        queued = Queued()
        first = queued.ask("first")
        for caller in ("other", "first", "other"):
            queued.ask(caller)
        await first
        await asyncio.sleep(0)
        in_flight = queued.server.in_flight
        await queued.order()
        return in_flight

    assert run(work()) == 2


def test_a_place_that_is_kept_is_given_away_when_the_last_worker_runs_dry() -> None:
    async def work() -> int:
        queued = Queued()
        await queued.first_is_answered()
        assert queued.server.in_flight == 1
        queued.tasks[1].cancel()  # what the worker works at
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        in_flight = queued.server.in_flight
        await asyncio.gather(*queued.tasks, return_exceptions=True)
        return in_flight

    assert run(work()) == 2
