"""The measurements of a race, round by round: what the race fills and the results are computed from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.contestants.parity import Parity
from benchmarks.contestants.roster import Contestant
from benchmarks.plan import Plan

#: A phase as the meter returns it: latencies_ms, errors, window_s, answered, CPU times.
Phase = dict[str, Any]


@dataclass
class Record:
    """The measurements of one contestant: one entry per round, and per number of clients or load."""

    shape: str = ""
    parity: Parity | None = None
    refused: str = ""
    startup_s: list[float] = field(default_factory=list)
    memory_mb: list[dict[str, float]] = field(default_factory=list)
    closed: dict[int, list[Phase]] = field(default_factory=dict)
    open: dict[int, list[Phase]] = field(default_factory=dict)
    wrong_under_load: int = 0

    @property
    def phases(self) -> list[Phase]:
        """All phases."""
        return [phase for phases in [*self.closed.values(), *self.open.values()] for phase in phases]


@dataclass
class Measurements:
    """The measurements of a race. `ceiling` has a pair per round, from its start and end."""

    plan: Plan
    cpus: list[int]
    contestants: list[Contestant]
    records: dict[str, Record] = field(init=False)
    ceiling: list[tuple[Phase, Phase]] = field(default_factory=list)
    ceiling_parallel: list[Phase] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = {one.name: Record() for one in self.contestants}
