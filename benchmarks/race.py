"""The race: round by round every server is started, checked for parity, loaded, and stopped again.

Each round goes the other way round than the last and has the ceiling at both ends, so that a machine whose speed drifts
shows it. Only one server runs at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contestants import answers as probe
from benchmarks.contestants import parity
from benchmarks.contestants.roster import Contestant, servers
from benchmarks.meter import Meter
from benchmarks.plan import Plan, Shape
from benchmarks.report import stats
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.directories import tail
from benchmarks.servers.launch import Running, Servers
from ops.errors import OpsError

THRESHOLD = 0.25


@dataclass
class Record:
    """What was measured of one contestant, round by round."""

    shape: str = ""
    parity: parity.Parity | None = None
    refused: str = ""
    startup_s: list[float] = field(default_factory=list)
    memory: list[dict[str, float]] = field(default_factory=list)
    closed: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    open: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    wrong_under_load: int = 0


@dataclass
class Race:
    """One run. `say` prints a line above the progress bar."""

    plan: Plan
    artifacts: Artifacts
    pictures: list[Path]
    reference: list[list[dict[str, Any]]]
    contestants: list[Contestant]
    shapes: dict[str, Shape]
    own_shape: Shape | None
    meter: Meter
    say: Callable[[str], None]
    records: dict[str, Record] = field(default_factory=dict)
    ceiling: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    at_once: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> None:
        """Run all rounds. Whatever happens, no server is left running."""
        self.records = {one.name: Record() for one in self.contestants}
        starter = Servers(self.artifacts, self.own_shape)
        try:
            for number in range(self.plan.rounds):
                self.say(f"round {number + 1} of {self.plan.rounds}")
                before = self._ceiling()
                names = servers(self.contestants)
                for name in names if number % 2 == 0 else reversed(names):
                    self._server(starter, name)
                self.ceiling.append((before, self._ceiling()))
                self.at_once.append(self._ceiling(at_once=True))
        finally:
            self.meter.stop()
            starter.stop_all()

    def _ceiling(self, *, at_once: bool = False) -> dict[str, Any]:
        measured = self.meter.ceiling(self.artifacts, self.plan.warm_s, self.plan.seconds, at_once=at_once)
        agreement = parity.compare(self.reference, measured.pop("boxes"), THRESHOLD)
        measured["parity"] = asdict(agreement)
        title = "ceiling, several at once" if at_once else "ceiling"
        self.say(f"  {title}: {stats.rate(measured):.2f} images/s, {said_of(agreement)}")
        return measured

    def _server(self, starter: Servers, name: str) -> None:
        group = [one for one in self.contestants if one.server == name and not self.records[one.name].refused]
        if not group:
            return
        shape = self.shapes[name]
        began = time.perf_counter()
        running = starter.start(name, shape)
        try:
            for one in group:
                probe.first_answer(one, one.target(running.ports), self.pictures[0], running.exited)
                self.records[one.name].startup_s.append(time.perf_counter() - began)
                self.records[one.name].shape = str(self.own_shape or "") if one.ours else str(shape)
            for one in group:
                self._contestant(one, running)
        except OpsError as error:
            for one in group:
                self.records[one.name].refused = str(error)
            self.say(f"  {name}: left out: {error}\n{tail(name)}")
        finally:
            starter.stop(running)

    def _contestant(self, one: Contestant, running: Running) -> None:
        record, target = self.records[one.name], one.target(running.ports)
        trees = [running.trees[part] for part in one.parts]
        alone = probe.boxes(one, target, self.pictures)
        record.parity = parity.compare(self.reference, alone, THRESHOLD)
        self.say(f"  {one.name}: {said_of(record.parity)}, first answer after {record.startup_s[-1]:.1f} s")
        if not record.parity.usable:
            record.refused = f"not timed, as it finds other boxes: {said_of(record.parity)}"
            self.say(f"  {one.name}: {record.refused}")
            return
        rates = []
        memory: dict[str, float] = {}
        for clients in self.plan.clients:
            phase = self.meter.closed(target, trees, clients, self.plan.warm_s, self.plan.seconds)
            self._keep(one, record.closed.setdefault(clients, []), phase, alone)
            rates.append(stats.rate(phase))
            memory = greatest(memory, total([tree.memory() for tree in trees]))
        for load in self.plan.loads:
            rate = (stats.capacity(rates) or 0.0) * load / 100
            if rate > 0:
                phase = self.meter.open(target, trees, rate, self.plan.seconds)
                self._keep(one, record.open.setdefault(load, []), phase, alone)
        record.memory.append(memory)
        shown = ", ".join(f"{rate:.2f} at {clients}" for clients, rate in zip(self.plan.clients, rates, strict=True))
        self.say(f"  {one.name}: images/s {shown} clients")

    def _keep(
        self, one: Contestant, phases: list[dict[str, Any]], phase: dict[str, Any], alone: list[list[dict[str, Any]]]
    ) -> None:
        """Keep a phase, its answers first compared with those to lone requests."""
        answers = phase.pop("answers")
        wrong = parity.same_answers(alone, {int(picture): one.read(body) for picture, body in answers.items()})
        self.records[one.name].wrong_under_load += wrong
        phases.append(phase)


def said_of(agreement: parity.Parity) -> str:
    """Say in a few words how far two sets of boxes agree."""
    words = f"{agreement.matched} of {agreement.expected} boxes equal"
    if agreement.exact:
        return words
    return f"{words} ({agreement.found} found, {agreement.loose} at IoU .5, mean |Δconf| {agreement.conf:.4f})"


def total(memories: list[dict[str, float]]) -> dict[str, float]:
    """Add up the memory of several trees, by kind."""
    kinds = {kind for memory in memories for kind in memory}
    return {kind: sum(memory.get(kind, 0.0) for memory in memories) for kind in kinds}


def greatest(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """Return the greater value of each kind."""
    return {kind: max(one.get(kind, 0.0), other.get(kind, 0.0)) for kind in {*one, *other}}
