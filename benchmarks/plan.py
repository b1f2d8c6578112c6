"""How much is measured, and how a server shares the CPUs."""

from __future__ import annotations

from dataclasses import dataclass

# For the progress bar: the time to start a server, compare its boxes and stop it; and the same for the ceiling.
START_S, CEILING_START_S = 8.0, 3.0


@dataclass(frozen=True)
class Shape:
    """Workers (processes, each with a copy of the model) and threads of each."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}×{self.threads}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read `2x1` or `2×1`. Raises ValueError."""
        workers, threads = map(int, text.lower().replace("×", "x").split("x"))
        if min(workers, threads) < 1:
            raise ValueError(text)
        return cls(workers, threads)


@dataclass(frozen=True)
class Plan:
    """How much is measured. `loads` are percentages of a contestant's own capacity."""

    rounds: int
    seconds: float
    warm_s: float
    clients: tuple[int, ...]
    loads: tuple[int, ...]

    def duration_s(self, contestants: int, servers: int) -> float:
        """Estimate how long the race takes."""
        phases = len(self.clients) * (self.warm_s + self.seconds) + len(self.loads) * self.seconds
        ceiling = 3 * (CEILING_START_S + self.warm_s + self.seconds)
        return self.rounds * (contestants * phases + servers * START_S + ceiling)


FULL = Plan(rounds=3, seconds=8.0, warm_s=1.0, clients=(1, 4, 16), loads=(50, 80))
QUICK = Plan(rounds=1, seconds=4.0, warm_s=0.5, clients=(1, 4), loads=(80,))


#: What is measured of this stack alone under overload: a steady load, clients that leave, two callers, bystanders.
SCENES = 4
SETTLE_S = 3.0  # until its last answers have come and it is idle


@dataclass(frozen=True)
class OverloadPlan:
    """How much of a crowd is measured. `loads` are percentages of a contestant's own capacity.

    `patience_s`: when clients leave. `capacity_s`: the closed loops that measure the capacity. `drain_s`: how long a
    server may stay busy after a load before it is started again.
    """

    seconds: float = 20.0
    loads: tuple[int, ...] = (50, 100, 200, 500, 1000)
    patience_s: float = 10.0
    capacity_s: float = 5.0
    warm_s: float = 1.0
    drain_s: float = 15.0
    capacity_clients: tuple[int, ...] = (4, 8)
    idle: int = 1000
    slow: int = 20

    def duration_s(self, rivals: int, stacks: int) -> float:
        """Estimate how long it takes: a rival above its capacity stays busy after the load and is started again."""
        closed = START_S + (len(self.capacity_clients) + 2) * (self.warm_s + self.capacity_s)
        above = sum(load > 100 for load in self.loads)
        stuck = self.patience_s + self.drain_s + 2 * START_S
        rival = closed + len(self.loads) * self.seconds + above * stuck
        own = closed + (len(self.loads) + SCENES) * (self.seconds + SETTLE_S) + 2 * (self.warm_s + self.capacity_s)
        return rivals * rival + stacks * own


OVERLOAD = OverloadPlan()
OVERLOAD_QUICK = OverloadPlan(seconds=4.0, loads=(100, 200, 1000), patience_s=3.0, capacity_s=3.0, drain_s=3.0)
