"""A measured run that the simulation is held to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.capacity.costs import MEASURED
from benchmarks.capacity.scenes import throughput


@dataclass(frozen=True)
class Run:
    """Waiting clients in front of 1, 2, … servers with one worker and `cpus` each.

    `server_s`: the CPU seconds of the servers for an image, all measurements together. `rates`: images per second.
    """

    clients: int
    cpus: float
    server_s: float
    rates: tuple[float, ...]

    def simulated(self) -> list[float]:
        """Return what the simulation answers for the same."""
        costs = replace(MEASURED, server_s=self.server_s)
        return [throughput(costs, servers, 1, self.cpus, self.clients) for servers in range(1, len(self.rates) + 1)]


#: `docker compose up -d --scale torchserve=N` with WORKERS=1, THREADS=1, TORCHSERVE_CPUS=0.4 on two CPUs (2026-11-30,
#: 25 s each). Images cost more than in MEASURED because the limit interrupts the worker ten times a second.
CHECKED = Run(clients=8, cpus=0.4, server_s=0.107, rates=(3.92, 8.20, 10.76))
