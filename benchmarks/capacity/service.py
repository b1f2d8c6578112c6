"""The service as a simulation sees it: gateways, a balancer with a queue, and servers with workers.

The rules are those of the gateway: a request goes to the server with the fewest outstanding, as long as that has
fewer than its workers and one more; else it waits in the gateway. It is refused on arrival if the estimate of its wait
is longer than `max_wait_s`. What a lost server had begun is sent to another one.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from benchmarks.capacity.costs import Costs

Process = Generator[simpy.Event, Any, Any]

#: Requests that a server has beyond its workers: the next one is there when a worker ends.
AHEAD = 1
#: The share of the permitted wait up to which the estimate lets a request in.
CONFIDENCE = 0.8


@dataclass(eq=False)
class Server:
    """A TorchServe. `outstanding` counts what was sent to it; `busy_s` is the time that its workers have computed."""

    zone: int
    workers: int
    cpus: float
    slots: simpy.Resource
    outstanding: int = 0
    answered: int = 0
    busy_s: float = 0.0
    running: set[simpy.Process] = field(default_factory=set)

    def slowdown(self) -> float:
        """Return how many times longer its workers take because they have less than a CPU each."""
        return max(1.0, self.workers / self.cpus)


@dataclass
class Outcome:
    """One request: when it came, how long it took, and whether it was answered."""

    at: float
    took_s: float
    is_answered: bool


class Service:
    """Gateways and servers in one simulation."""

    def __init__(self, costs: Costs, gateways: int, max_wait_s: float, jitter: float, seed: int = 0) -> None:
        """`jitter`: the standard deviation of an image's cost, as a share of the mean."""
        self.env = simpy.Environment()
        self.costs = costs
        self.servers: list[Server] = []
        self.outcomes: list[Outcome] = []
        self._gateways = [simpy.Resource(self.env) for _ in range(gateways)]
        self._next_gateway = itertools.cycle(self._gateways)
        self._waiting: deque[simpy.Event] = deque()
        self._max_wait_s = max_wait_s
        self._jitter = jitter
        self._random = random.Random(seed)  # noqa: S311 - simulates, guards nothing

    def add_server(self, workers: int, cpus: float, zone: int = 0) -> Server:
        """Add a server that is ready at once."""
        server = Server(zone, workers, cpus, simpy.Resource(self.env, workers))
        self.servers.append(server)
        self._serve()
        return server

    def lose(self, server: Server) -> None:
        """Take a server away at once. What it had begun begins again on another one."""
        self.servers.remove(server)
        for process in list(server.running):
            process.interrupt()

    def drain(self, server: Server) -> None:
        """Take a server away once it has answered what it has."""
        self.servers.remove(server)

    def open_loop(self, rate: float, seconds: float) -> Process:
        """Send requests at random moments, `rate` a second on the average, whatever comes back."""
        end = self.env.now + seconds
        while self.env.now < end:
            yield self.env.timeout(self._random.expovariate(rate))
            self.env.process(self.request())

    def closed_loop(self, seconds: float) -> Process:
        """Be a client that waits for each answer before it sends the next request."""
        end = self.env.now + seconds
        while self.env.now < end:
            yield self.env.process(self.request())

    def request(self) -> Process:
        """Be one request, from its arrival to its answer or refusal."""
        came = self.env.now
        wait_s = 0.0 if self._free() else self._interval_s() * (len(self._waiting) + 1)
        is_answered = wait_s <= CONFIDENCE * self._max_wait_s
        cost_s = self.costs.gateway_s if is_answered else self.costs.refusal_s
        gateway = next(self._next_gateway)
        with gateway.request() as turn:
            yield turn
            yield self.env.timeout(cost_s)
        if is_answered:
            is_answered = yield from self._infer(came + self._max_wait_s)
        self.outcomes.append(Outcome(came, self.env.now - came, is_answered))

    def _infer(self, latest: float) -> Process:
        """Wait for a server until `latest`, then infer; return whether that came about."""
        work_s = self._work_s()
        while True:
            server = self._free()
            if server is None:
                turn = self.env.event()
                self._waiting.append(turn)
                server = yield turn
                if self.env.now > latest:
                    self._leave(server)
                    return False
            else:
                server.outstanding += 1
            process = self.env.process(self._work(server, work_s))
            server.running.add(process)
            done = yield process
            server.running.discard(process)
            self._leave(server)
            if done:
                return True

    def _leave(self, server: Server) -> None:
        server.outstanding -= 1
        self._serve()

    def _work(self, server: Server, work_s: float) -> Process:
        try:
            with server.slots.request() as slot:
                yield slot
                yield self.env.timeout(work_s * server.slowdown())
        except simpy.Interrupt:
            return False
        server.busy_s += work_s * server.slowdown()
        server.answered += 1
        return True

    def _work_s(self) -> float:
        return max(0.2, self._random.gauss(1.0, self._jitter)) * self.costs.server_s

    def _free(self) -> Server | None:
        """Return the server that gets the next request, None if all have enough."""
        free = [one for one in self.servers if one.outstanding < one.workers + AHEAD]
        return min(free, key=lambda one: (one.outstanding, one.answered), default=None)

    def _serve(self) -> None:
        while self._waiting and (server := self._free()):
            server.outstanding += 1
            self._waiting.popleft().succeed(server)

    def _interval_s(self) -> float:
        """Return the time between two answers when all workers are busy."""
        rate = sum(one.workers / (self.costs.server_s * one.slowdown()) for one in self.servers)
        return 1 / rate if rate else float("inf")
