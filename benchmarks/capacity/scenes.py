"""What the simulation is asked: throughput of several servers, a load that doubles, a zone that is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.service import Outcome, Process, Service
from benchmarks.report import stats

WARM_S = 5.0
#: Kubernetes' HorizontalPodAutoscaler: how often it looks, what it lets pass, how long a lower need must last.
PERIOD_S, TOLERANCE, SCALE_DOWN_S = 15.0, 0.1, 300.0


@dataclass(frozen=True)
class Found:
    """What clients got between two moments: answers a second, the share that was refused, p99 of the answers in s."""

    answers_per_s: float
    refused: float
    p99_s: float | None


def between(outcomes: Sequence[Outcome], start: float, end: float) -> Found:
    """Summarise the answers that arrived, and the refusals of requests that came, between two moments."""
    answered = [one for one in outcomes if one.is_answered and start <= one.at + one.took_s < end]
    came = [one for one in outcomes if start <= one.at < end]
    return Found(
        len(answered) / (end - start),
        sum(not one.is_answered for one in came) / max(1, len(came)),
        stats.percentile([one.took_s for one in answered], 99),
    )


def throughput(costs: Costs, servers: int, workers: int, cpus: float, clients: int, seconds: float = 120.0) -> float:
    """Return the answers per second that waiting clients get of servers with so many workers and CPUs each."""
    service = Service(costs, gateways=1, max_wait_s=30.0, jitter=0.3)
    for _ in range(servers):
        service.add_server(workers, cpus)
    for _ in range(clients):
        service.env.process(service.closed_loop(WARM_S + seconds))
    service.env.run(WARM_S + seconds)
    return between(service.outcomes, WARM_S, WARM_S + seconds).answers_per_s


@dataclass(frozen=True)
class Pool:
    """Servers of one kind in front of which the gateways stand."""

    servers: int
    workers: int = 8
    cpus: float = 16.0
    gateways: int = 4
    max_wait_s: float = 2.0
    jitter: float = 0.3

    def rate(self, costs: Costs) -> float:
        """Return the images per second that keep every worker busy."""
        return self.servers * self.workers / costs.server_s

    def start(self, costs: Costs, zones: int = 1) -> Service:
        """Return the service with its servers spread over the zones."""
        service = Service(costs, self.gateways, self.max_wait_s, self.jitter)
        for number in range(self.servers):
            service.add_server(self.workers, self.cpus, number % zones)
        return service


@dataclass(frozen=True)
class Step:
    """A load that rises: what clients got after the rise and at the end, when the last server came, and how many."""

    after: Found
    at_the_end: Found
    settled_s: float
    servers: int


def rising(costs: Costs, pool: Pool, load: float, target: float, start_s: float) -> Step:
    """Raise the load from the target's to `load` times the pool's capacity; an autoscaler adds servers.

    `target`: the utilisation that the autoscaler aims for. `start_s`: until a new server answers.
    """
    before_s, seconds = 60.0, 600.0
    service = pool.start(costs)
    scaler = Autoscaler(service, pool, target, start_s)
    service.env.process(scaler.run())
    service.env.process(service.open_loop(target * pool.rate(costs), before_s))
    service.env.run(before_s)
    service.env.process(service.open_loop(load * pool.rate(costs), seconds))
    service.env.run(before_s + seconds)
    return Step(
        between(service.outcomes, before_s, before_s + 60),
        between(service.outcomes, before_s + seconds - 120, before_s + seconds),
        max(scaler.added, default=before_s) - before_s,
        len(service.servers),
    )


class Autoscaler:
    """Adds and removes servers as a HorizontalPodAutoscaler does, by the share of the time that workers compute."""

    def __init__(self, service: Service, pool: Pool, target: float, start_s: float) -> None:
        self._service, self._pool, self._target, self._start_s = service, pool, target, start_s
        self._coming = 0
        self._fewest_needed: list[tuple[float, int]] = []
        self.added: list[float] = []

    def run(self) -> Process:
        """Look every `PERIOD_S`, for ever."""
        env, before = self._service.env, {}
        while True:
            yield env.timeout(PERIOD_S)
            now = {one: one.busy_s for one in self._service.servers}
            busy = sum(now[one] - before.get(one, 0.0) for one in now)
            before = now
            there = len(now)
            share = busy / (PERIOD_S * there * self._pool.workers)
            wanted = there if abs(share / self._target - 1) <= TOLERANCE else math.ceil(there * share / self._target)
            self._fewest_needed = [
                *((at, count) for at, count in self._fewest_needed if at > env.now - SCALE_DOWN_S), (env.now, wanted)
            ]  # fmt: skip
            for _ in range(wanted - there - self._coming):
                self._coming += 1
                env.process(self._start())
            for server in self._service.servers[max(1, *(count for _, count in self._fewest_needed)) :]:
                self._service.drain(server)

    def _start(self) -> Process:
        yield self._service.env.timeout(self._start_s)
        self._coming -= 1
        self._service.add_server(self._pool.workers, self._pool.cpus)
        self.added.append(self._service.env.now)


def lost_zone(costs: Costs, pool: Pool, zones: int, load: float) -> tuple[Found, Found]:
    """Lose one zone of several at once, at `load` times the capacity; return the minute before and the one after."""
    service = pool.start(costs, zones)
    service.env.process(service.open_loop(load * pool.rate(costs), 130.0))
    service.env.run(70.0)
    for server in [one for one in service.servers if one.zone == 0]:
        service.lose(server)
    service.env.run(130.0)
    return between(service.outcomes, 10.0, 70.0), between(service.outcomes, 70.0, 130.0)
