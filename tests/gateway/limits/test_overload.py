"""More requests than a simulated server can do: refusals by estimate, turns, priorities and deadlines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from gateway.detection.request import Ask
from gateway.errors import Overloaded
from gateway.limits.admission import AdmittingDetector
from gateway.limits.room import Room
from gateway.model_server.base import Readiness
from tests.gateway.limits.test_admission import refusals
from tests.gateway.support.simulated_server import SimulatedServer, ask_of
from tests.gateway.support.virtual_time import in_virtual_time

WAIT_S = 2.0


@dataclass
class Seen:
    """What clients saw, in seconds from the request."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    retry_after: list[int] = field(default_factory=list)


class Service:
    """A gateway in front of a simulated server of two workers, at 20 predictions a second."""

    def __init__(self, waiting: int = 128, **server: float) -> None:
        self.server = SimulatedServer(**server)  # type: ignore[arg-type]
        self.registry = CollectorRegistry()
        room = Room(in_flight=64, waiting=waiting, wait_s=WAIT_S, long_wait_s=60, registry=self.registry)
        readiness = Readiness(True, workers=self.server.workers)
        self.admission = AdmittingDetector(self.server, room, lambda: readiness, "yolo")

    async def ask(self, ask: Ask, seen: Seen) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            await self.admission.detect(ask)
            seen.answered.append(clock() - began)
        except Overloaded as refusal:
            seen.refused.append(clock() - began)
            seen.retry_after.append(int(refusal.headers["Retry-After"]))

    async def open_loop(self, rate: float, seconds: float, seen: Seen, patience_s: float | None = None) -> None:
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as group:
            for _ in range(int(rate * seconds)):
                deadline = None if patience_s is None else clock() + patience_s
                group.create_task(self.ask(ask_of(deadline=deadline), seen))
                await asyncio.sleep(1 / rate)

    @asynccontextmanager
    async def closed_loops(
        self, seen: Seen, clients: int, make: Callable[[], Ask], back_s: float = 0
    ) -> AsyncIterator[None]:
        async def client() -> None:
            while True:
                count = len(seen.refused)
                await self.ask(make(), seen)
                await asyncio.sleep(1 if len(seen.refused) > count else back_s)

        tasks = [asyncio.create_task(client()) for _ in range(clients)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def high(times: list[float], share: float = 0.99) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


@pytest.mark.parametrize("times", [2, 5, 10])
def test_at_many_times_the_capacity_the_goodput_holds_and_refusals_come_at_once(times: int) -> None:
    async def work() -> tuple[Seen, Service]:
        service, seen = Service(), Seen()
        await service.open_loop(20 * times, 20, seen)
        return seen, service

    seen, service = in_virtual_time(work())
    assert len(seen.answered) > 0.95 * 20 * 20
    assert high(seen.answered) <= WAIT_S + 2 * 2 * 0.1
    assert high(seen.refused) <= 0.1
    assert refusals(service.registry).get("waited", 0) <= 0.01 * len(seen.refused)
    assert set(seen.retry_after) <= {1, 2}


def test_clients_that_ask_again_at_once_are_refused_at_a_bounded_rate() -> None:
    async def work() -> Seen:
        service, seen = Service(), Seen()

        async def client() -> None:
            while True:
                await asyncio.sleep(0.001)  # the way there and back
                await service.ask(ask_of(), seen)

        tasks = [asyncio.create_task(client()) for _ in range(150)]
        await asyncio.sleep(5)
        seen.answered.clear()
        seen.refused.clear()
        await asyncio.sleep(10)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return seen

    seen = in_virtual_time(work())
    assert len(seen.answered) > 0.95 * 20 * 10
    assert len(seen.refused) < 25 * len(seen.answered)
    assert high(seen.refused) <= 1.1


def test_below_the_capacity_nothing_is_refused_and_nothing_waits_long() -> None:
    async def work() -> Seen:
        seen = Seen()
        await Service().open_loop(16, 20, seen)
        return seen

    seen = in_virtual_time(work())
    assert not seen.refused
    assert high(seen.answered) <= 3 * 0.1


@pytest.mark.parametrize(("connections", "share", "p99_s"), [(2, 0.48, 0.3), (1, 0.27, 0.26)])
def test_a_caller_with_few_connections_gets_its_turns_beside_one_with_sixty(
    connections: int, share: float, p99_s: float
) -> None:
    async def work() -> tuple[Seen, Seen, float]:
        service, large, small = Service(), Seen(), Seen()
        async with (
            service.closed_loops(large, 60, lambda: ask_of("large")),
            service.closed_loops(small, connections, lambda: ask_of("small"), back_s=0.003),
        ):
            await asyncio.sleep(5)  # until the limit is found
            large.answered.clear()
            small.answered.clear()
            busy_s = service.server.busy_s
            await asyncio.sleep(30)
        return large, small, (service.server.busy_s - busy_s) / 30 / service.server.workers

    large, small, used = in_virtual_time(work())
    assert not small.refused
    assert len(small.answered) > share * (len(large.answered) + len(small.answered))
    assert high(small.answered) <= p99_s
    assert used > 0.99


def test_what_is_not_urgent_yields_and_waits() -> None:
    async def work() -> tuple[Seen, Seen]:
        service, urgent, other = Service(), Seen(), Seen()
        async with service.closed_loops(other, 8, lambda: ask_of("batch", urgent=False)):
            await asyncio.sleep(5)
            alone = len(other.answered)
            await service.open_loop(18, 20, urgent)
            assert len(other.answered) - alone < 0.25 * 20 * 20
            await asyncio.sleep(10)
        return urgent, other

    urgent, other = in_virtual_time(work())
    assert not urgent.refused
    assert high(urgent.answered) <= 0.6
    assert not other.refused
    assert len(other.answered) > 200


def test_urgent_requests_find_room_in_a_queue_full_of_others() -> None:
    async def work() -> tuple[Seen, Seen, dict[str, float]]:
        service, urgent, other = Service(waiting=20), Seen(), Seen()
        async with service.closed_loops(other, 60, lambda: ask_of("batch", urgent=False)):
            await asyncio.sleep(3)
            await service.open_loop(10, 10, urgent)
        return urgent, other, refusals(service.registry)

    urgent, other, counts = in_virtual_time(work())
    assert not urgent.refused
    assert other.refused
    assert set(counts) == {"full"}


def test_work_that_cannot_be_done_in_time_is_not_begun() -> None:
    async def work() -> tuple[Seen, Service]:
        service, seen, others = Service(), Seen(), Seen()
        loop = asyncio.get_running_loop()
        async with service.closed_loops(others, 20, lambda: ask_of("others")):
            await asyncio.sleep(5)
            for _ in range(20):
                await service.ask(ask_of("others", deadline=loop.time() + 0.3), seen)
        return seen, service

    seen, service = in_virtual_time(work())
    assert not seen.answered
    assert high(seen.refused) == 0
    assert refusals(service.registry) == {"deadline": 20}


def test_nearly_everything_that_is_begun_is_done_before_the_client_gives_up() -> None:
    async def work() -> Seen:
        service, seen = Service(spread=0.5), Seen()
        await service.open_loop(40, 20, seen, patience_s=1)
        return seen

    seen = in_virtual_time(work())
    assert len(seen.answered) > 0.9 * 20 * 20
    late = [took for took in seen.answered if took > 1]
    assert len(late) <= 0.005 * len(seen.answered)


def test_a_deadline_that_passes_in_the_queue_ends_the_wait() -> None:
    async def work() -> tuple[Seen, Service]:
        service, seen = Service(service_s=1.0, spread=0), Seen()  # nothing is known of it yet
        loop = asyncio.get_running_loop()
        first = [asyncio.create_task(service.ask(ask_of(), Seen())) for _ in range(4)]
        await asyncio.sleep(0.1)
        await service.ask(ask_of("late", deadline=loop.time() + 0.5), seen)
        await asyncio.gather(*first)
        return seen, service

    seen, service = in_virtual_time(work())
    assert seen.refused == [pytest.approx(0.5)]
    assert "late" not in service.server.begun
    assert refusals(service.registry) == {"deadline": 1}


def test_an_idle_server_is_tried_whatever_it_took_before() -> None:
    async def work() -> Seen:
        service, seen = Service(service_s=3.0, spread=0), Seen()
        await service.ask(ask_of(), Seen())
        service.server.service_s = 0.1
        await service.ask(ask_of(deadline=asyncio.get_running_loop().time() + 1), seen)
        return seen

    assert len(in_virtual_time(work()).answered) == 1


def test_clients_that_left_are_never_inferred() -> None:
    async def work() -> Counter[str]:
        service = Service()
        stay = [asyncio.create_task(service.ask(ask_of("stay"), Seen())) for _ in range(15)]
        leave = [asyncio.create_task(service.ask(ask_of("leave"), Seen())) for _ in range(15)]
        await asyncio.sleep(0.05)
        inside = service.server.begun.count("leave")
        for task in leave:
            task.cancel()
        await asyncio.gather(*leave, return_exceptions=True)
        await asyncio.gather(*stay)
        begun = Counter(service.server.begun)
        assert begun["leave"] == inside
        return begun

    assert in_virtual_time(work())["stay"] == 15


async def _two_models(work: Callable[[AdmittingDetector, AdmittingDetector], Awaitable[None]], in_flight: int) -> None:
    room = Room(in_flight=in_flight, waiting=50, wait_s=60, long_wait_s=60, registry=CollectorRegistry())
    server = SimulatedServer()
    first, second = (AdmittingDetector(server, room, lambda: Readiness(True), name) for name in "ab")
    await work(first, second)
    assert server.most <= in_flight


def test_models_share_the_places_and_take_turns() -> None:
    order: list[str] = []

    async def ask(detector: AdmittingDetector, name: str) -> None:
        await detector.detect(ask_of())
        order.append(name)

    async def work(first: AdmittingDetector, second: AdmittingDetector) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(ask(first, "first"))
            for _ in range(10):
                group.create_task(ask(second, "second"))

    in_virtual_time(_two_models(work, in_flight=1))
    assert order[1:19].count("first") == 9
    assert order[:6].count("second") >= 2
