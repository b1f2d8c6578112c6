"""What docs/security.md promises, held by the running gateway and the real TorchServe's workers under attack.

No request stops the gateway, takes more memory than it may, ends a process or gets a 5xx; good pictures meanwhile have
their boxes. HOSTILE_REQUESTS=20000 lengthens the test of memory that stays.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import psutil

from tests.gateway.hostile.attack import AT_ONCE, STALL_S, Attack
from tests.gateway.hostile.many import FIRST, every_kind, in_looks
from tests.gateway.hostile.requests import QUICK, Request, bodies, pictures
from tests.native.checkout import Checkout
from tests.support import wait_until
from tests.support.hostile import WEIGHT
from tests.support.hostile.costs import peak, reset_peak
from tests.support.hostile.promises import (
    BODY_CONSTANT,
    BODY_COPIES,
    CONSTANT,
    COPIES,
    DECODE_BYTES,
    DRAW_BYTES,
    GROWTH,
)

HOSTILE_REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "600"))


class Processes:
    """The gateway and the workers of a service, and how far their memory rose."""

    def __init__(self, service: Checkout) -> None:
        (self.gateway,) = service.processes("-m gateway")
        self.workers = wait_until(lambda: service.processes("model_service_worker"), "there are workers")

    @property
    def all(self) -> list[psutil.Process]:
        return [self.gateway, *self.workers]

    def rises(self, call: Callable[[], None]) -> tuple[int, int]:
        """Call it; return by how many bytes the gateway's memory rose meanwhile, and that of the worker of the most."""
        before = [reset_peak(process.pid) for process in self.all]
        call()
        gateway, *workers = (peak(process.pid) - low for process, low in zip(self.all, before, strict=True))
        return gateway, max(workers)


def test_hostile_requests_stop_nobody_and_stay_within_the_promised_memory(demo: Checkout) -> None:
    before = Processes(demo)
    with Attack(demo.gateway, before.gateway.pid, (demo.root / "samples/street.jpg").read_bytes()) as attack:
        for requests in itertools.chain(pictures(WEIGHT, QUICK), pictures(WEIGHT // 10, f"{QUICK}&format=jpeg")):
            largest = max(request.size for request in requests)
            check(before, attack, requests, DRAW_BYTES + AT_ONCE * COPIES * largest + CONSTANT)
        # The bodies of full size are sent to the gateway alone: tests/gateway/hostile/test_invariants.py.
        for requests in bodies(WEIGHT // 10):
            together = sum(sorted(request.size for request in requests)[-AT_ONCE:])
            check(before, attack, requests, BODY_COPIES * together + AT_ONCE * BODY_CONSTANT)
        attack.ask_good_picture()
    print(f"{dict(attack.statuses)}, GET /health/live took {attack.worst_s:.3f} s at most")
    assert attack.problems == []
    assert attack.worst_s < STALL_S
    assert attack.statuses[200], "nothing was decoded: the workers are not tried"
    assert Processes(demo).all == before.all, "a process ended"


def check(processes: Processes, attack: Attack, requests: list[Request], most: int) -> None:
    """Send the requests, for which the gateway may take so many bytes, and a worker what docs/security.md says."""
    gateway, worker = processes.rises(lambda: attack.send(requests))
    print(f"{requests[0].name}…: gateway +{gateway / 1e6:.0f} MB, a worker +{worker / 1e6:.0f} MB")
    assert gateway < most
    assert worker < DECODE_BYTES + COPIES * max(request.size for request in requests) + CONSTANT


def test_the_gateways_memory_does_not_grow_with_the_number_of_requests(demo: Checkout) -> None:
    """The first hundred have every kind: drawings on each format in each, and hostile ones of each format and route."""
    gateway = Processes(demo).gateway
    memory = {}
    with Attack(demo.gateway, gateway.pid, (demo.root / "samples/street.jpg").read_bytes()) as attack:
        for number, requests in in_looks(every_kind(), HOSTILE_REQUESTS):
            attack.send(requests)
            memory[number] = gateway.memory_info().rss
    print({number: f"{rss / 1e6:.0f} MB" for number, rss in memory.items()}, dict(attack.statuses))
    assert attack.problems == []
    assert memory[HOSTILE_REQUESTS] < memory[FIRST] * GROWTH
