"""The limit keeps the workers of a simulated server busy, with few predictions waiting in the server."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gateway.limits.concurrency_limit import ConcurrencyLimit
from gateway.model_server.base import Readiness
from tests.gateway.support.simulated_server import SimulatedServer, ask_of
from tests.gateway.support.virtual_time import in_virtual_time

MOST = 64


class Saturated:
    """A gateway with more clients than places: it asks whenever its limit lets it."""

    def __init__(self, server: SimulatedServer, readiness: Readiness | None = None, most: int = MOST) -> None:
        self.server = server
        self.limit = ConcurrencyLimit(most, lambda: readiness or Readiness(True, workers=server.workers))
        self.in_flight = self.answers = 0
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                while self.in_flight < self.limit.places:
                    self.in_flight += 1
                    group.create_task(self._ask())
                await self._changed.wait()
                self._changed.clear()

    async def _ask(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await self.server.detect(ask_of())
        own_ms = answer.prediction.timings_ms.get("total")
        own_s = None if own_ms is None else own_ms / 1000
        self.limit.answered(clock() - began, own_s, self.in_flight, clock())
        self.in_flight -= 1
        self.answers += 1
        self._changed.set()


async def measured(server: SimulatedServer, seconds: float) -> tuple[float, float]:
    """Return the share of the workers' time that was used, and the mean number of predictions that waited."""
    busy_s, waiting, samples = server.busy_s, 0, 0
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(seconds / 200)
        waiting += server.waiting
        samples += 1
    return (server.busy_s - busy_s) / (seconds * server.workers), waiting / samples


@contextlib.asynccontextmanager
async def running(*gateways: Saturated):  # type: ignore[no-untyped-def]
    tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("workers", [1, 2, 16])
@pytest.mark.parametrize("service_s", [0.005, 0.1])
def test_the_workers_are_busy_and_few_predictions_wait_for_them(workers: int, service_s: float) -> None:
    async def work() -> tuple[float, float]:
        server = SimulatedServer(workers, service_s, way_s=0.002)
        async with running(Saturated(server)):
            await asyncio.sleep(60 * service_s)
            return await measured(server, 100 * service_s)

    used, waiting = in_virtual_time(work())
    assert used > (0.95 if service_s > 0.01 else 0.6)
    assert waiting < 4


@pytest.mark.parametrize("workers", [2, 8])
def test_a_server_that_does_not_tell_its_own_time_is_not_filled_either(workers: int) -> None:
    async def work() -> tuple[float, float]:
        server = SimulatedServer(workers, tells_own_time=False)
        async with running(Saturated(server)):
            await asyncio.sleep(120)  # several windows
            return await measured(server, 60)

    used, waiting = in_virtual_time(work())
    assert used > 0.9
    assert waiting < 2 * workers + 4


@pytest.mark.parametrize("count", [2, 3])
def test_several_gateways_find_their_shares_without_knowing_of_each_other(count: int) -> None:
    async def work() -> tuple[float, float, list[int]]:
        server = SimulatedServer(4)
        gateways = [Saturated(server) for _ in range(count)]
        async with running(*gateways):
            await asyncio.sleep(30)
            before = [gateway.answers for gateway in gateways]
            used, waiting = await measured(server, 60)
            answers = [gateway.answers - old for gateway, old in zip(gateways, before, strict=True)]
        return used, waiting, answers

    used, waiting, answers = in_virtual_time(work())
    assert used > 0.95
    assert waiting < 3 * count
    assert min(answers) > 0.5 * max(answers)


def test_workers_may_come_and_go() -> None:
    async def work() -> list[tuple[float, float]]:
        server = SimulatedServer(2)
        found = []
        async with running(Saturated(server)):
            for workers in (2, 12, 1):
                await server.scale(workers)
                await asyncio.sleep(20)
                found.append(await measured(server, 20))
        return found

    for used, waiting in in_virtual_time(work()):
        assert used > 0.95
        assert waiting < 4


def test_a_queue_that_never_empties_is_not_taken_for_the_way_there() -> None:
    async def work() -> float:
        server = SimulatedServer(2)
        others = [asyncio.create_task(_ask_for_ever(server)) for _ in range(12)]
        gateway = Saturated(server)
        async with running(gateway):
            await asyncio.sleep(120)
        for other in others:
            other.cancel()
        return gateway.limit.places

    assert in_virtual_time(work()) <= 2


async def _ask_for_ever(server: SimulatedServer) -> None:
    while True:
        await server.detect(ask_of())


def test_batches_are_filled_although_the_server_waits_for_them() -> None:
    limit = ConcurrencyLimit(MOST, lambda: Readiness(True, workers=2, batch_size=4))
    for now in range(200):
        limit.answered(0.6, 0.1, 8, now)  # half a second of MAX_BATCH_DELAY_MS
    assert limit.places == 8
    bounded = ConcurrencyLimit(6, lambda: Readiness(True, workers=2, batch_size=4))
    assert bounded.places <= 6


def test_an_overloaded_server_gets_less_once_for_what_was_sent_together() -> None:
    limit = ConcurrencyLimit(MOST, lambda: Readiness(True))
    for now in range(400):
        limit.answered(0.1, 0.1, limit.places, now)
    full = limit.places
    for _ in range(full):
        limit.overloaded(now=1000)
    assert limit.places == int(full * 0.75)
    for now in range(2000, 2100):
        limit.overloaded(now)
    assert limit.places == 1


def test_the_interval_between_answers_is_estimated_before_the_places_are_taken_and_while_they_are() -> None:
    limit = ConcurrencyLimit(MOST, lambda: Readiness(True, workers=2))
    assert limit.interval_s == 0
    limit.answered(0.1, 0.1, 1, 0)
    assert limit.interval_s == pytest.approx(0.05)
    for now in range(100):
        limit.answered(0.3, 0.1, 6, now)
    assert limit.interval_s == pytest.approx(0.05)
    assert limit.took_s == pytest.approx(0.3, rel=0.01)
