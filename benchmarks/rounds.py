"""The rounds of a race: every server is started, checked for parity, loaded and stopped, one at a time.

Each round reverses the order of the last one and has the ceiling at both ends, so that a machine whose speed drifts
shows it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.contestants import parity
from benchmarks.contestants.answers import await_first_answer, read_boxes
from benchmarks.contestants.roster import Boxes, Contestant, servers_of
from benchmarks.meter import Meter
from benchmarks.plan import Shape
from benchmarks.report import stats
from benchmarks.report.measurements import Measurements, Phase
from benchmarks.servers.launcher import Launcher
from benchmarks.servers.server import Server
from ops.errors import OpsError

THRESHOLD = 0.25


@dataclass
class Rounds:
    """Runs a plan and fills `measured`. `shapes` maps servers to shapes; `say` prints a line above the progress bar."""

    measured: Measurements
    reference: list[Boxes]
    shapes: dict[str, Shape]
    launcher: Launcher
    meter: Meter
    say: Callable[[str], None]

    def run(self) -> None:
        """Run all rounds."""
        names = servers_of(self.measured.contestants)
        for number in range(self.measured.plan.rounds):
            self.say(f"round {number + 1} of {self.measured.plan.rounds}")
            before = self._measure_ceiling()
            for name in names if number % 2 == 0 else reversed(names):
                self._measure_server(name)
            self.measured.ceiling.append((before, self._measure_ceiling()))
            self.measured.ceiling_parallel.append(self._measure_ceiling(parallel=True))

    def _measure_ceiling(self, *, parallel: bool = False) -> Phase:
        plan = self.measured.plan
        phase = self.meter.ceiling(self.launcher.artifacts.unpacked, plan.warm_s, plan.seconds, parallel=parallel)
        agreement = parity.compare(self.reference, phase.pop("boxes"), THRESHOLD)
        phase["parity"] = asdict(agreement)
        self.say(f"  ceiling{', in parallel' if parallel else ''}: {stats.rate(phase):.2f} images/s, {agreement}")
        return phase

    def _measure_server(self, name: str) -> None:
        records = self.measured.records
        group = [one for one in self.measured.contestants if one.server == name and not records[one.name].refused]
        if not group:
            return
        began = time.perf_counter()
        with Server(name) as server:
            try:
                self.launcher.start(server, self.shapes[name])
                for one in group:
                    await_first_answer(one, one.target(server.ports), self.meter.images[0], server.exit_code)
                    records[one.name].startup_s.append(time.perf_counter() - began)
                    shape = self.launcher.own_shape or "" if one.ours else self.shapes[name]
                    records[one.name].shape = str(shape)
                for one in group:
                    self._measure_contestant(one, server)
            except OpsError as error:
                for one in group:
                    records[one.name].refused = str(error)
                self.say(f"  {name}: left out: {error}\n{server.tail()}")

    def _measure_contestant(self, one: Contestant, server: Server) -> None:
        plan, record, target = self.measured.plan, self.measured.records[one.name], one.target(server.ports)
        trees = [server.trees[part] for part in one.parts]
        alone = [read_boxes(one, target, image) for image in self.meter.images]
        record.parity = parity.compare(self.reference, alone, THRESHOLD)
        self.say(f"  {one.name}: {record.parity}, first answer after {record.startup_s[-1]:.1f} s")
        if not record.parity.usable:
            record.refused = f"not timed, as it finds other boxes: {record.parity}"
            self.say(f"  {one.name}: {record.refused}")
            return

        def keep(phase: dict[str, Any], phases: list[Phase]) -> None:
            answers = {int(image): one.read(body) for image, body in phase.pop("answers").items()}
            record.wrong_under_load += parity.count_different(alone, answers)
            phases.append(phase)

        rates = []
        memory: Counter[str] = Counter()
        for clients in plan.clients:
            phase = self.meter.closed(target, trees, clients, plan.warm_s, plan.seconds)
            keep(phase, record.closed.setdefault(clients, []))
            rates.append(stats.rate(phase))
            memory |= sum((tree.memory_mb() for tree in trees), Counter())
        for load in plan.loads:
            if (rate := max(rates) * load / 100) > 0:
                keep(self.meter.open(target, trees, rate, plan.seconds), record.open.setdefault(load, []))
        record.memory_mb.append(dict(memory))
        shown = ", ".join(f"{rate:.2f} at {clients}" for clients, rate in zip(plan.clients, rates, strict=True))
        self.say(f"  {one.name}: images/s {shown} clients")
