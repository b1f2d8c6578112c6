"""One contestant under pressure: its capacity, open loops above it, and what this stack is asked besides.

The capacity is measured on both sides of the loads, so that a machine whose speed drifts shows it. A server that is
still busy long after its clients have left is started again: no load inherits the queue of the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.contestants.answers import await_first_answer
from benchmarks.contestants.roster import Contestant
from benchmarks.load.crowd import Group
from benchmarks.load.target import Target
from benchmarks.meter import Meter
from benchmarks.plan import OverloadPlan, Shape
from benchmarks.report import goodput, stats
from benchmarks.servers.inferred import count_inferred
from benchmarks.servers.launcher import Launcher
from benchmarks.servers.processes import Tree
from benchmarks.servers.server import Server

POLL_S = 0.5
IDLE_SHARE = 0.1  # of one CPU: less is what an idle server uses
#: Clients that leave early, and say so: the seconds that they wait.
LEAVES_S = 1.0
MANY, FEW = 60, 2  # connections of two callers
STEADY, DOUBLE = 0.8, 2.0  # of the capacity
CLOSED = (4, 16)  # clients that wait for their answers


class Stage(AbstractContextManager["Stage"]):
    """The server of one contestant, started again on demand."""

    def __init__(self, one: Contestant, launcher: Launcher, shape: Shape, meter: Meter) -> None:
        self.one, self.meter = one, meter
        self._launcher, self._shape = launcher, shape
        self._running = ExitStack()
        self.server = Server(one.server)

    def start(self) -> None:
        """Start the server, or start it again, and wait for its first answer. Raises OpsError."""
        self._running.close()
        self.server = self._running.enter_context(Server(self.one.server))
        self._launcher.start(self.server, self._shape)
        await_first_answer(self.one, self.target, self.meter.images[0], self.server.exit_code)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def target(self) -> Target:
        """Where images go."""
        return self.one.target(self.server.ports)

    @property
    def trees(self) -> list[Tree]:
        """The processes that count for CPU time."""
        return [self.server.trees[part] for part in self.one.parts]

    def busy_s(self, limit_s: float) -> tuple[float, bool]:
        """Wait until the server is idle; return how long it was busy, and whether it became idle within `limit_s`."""
        start, used = time.perf_counter(), self._cpu_s()
        while (waited := time.perf_counter() - start) < limit_s:
            time.sleep(POLL_S)
            self.meter.tick(POLL_S)
            before, used = used, self._cpu_s()
            if used - before < IDLE_SHARE * POLL_S:
                return waited, True
        return waited, False

    def _cpu_s(self) -> float:
        return sum(tree.cpu_s() for tree in self.trees)


@dataclass
class Pressure:
    """Measures one contestant on its stage. `say` prints a line above the progress bar."""

    plan: OverloadPlan
    stage: Stage
    cpus: int
    say: Callable[[str], None]

    def measure(self) -> dict[str, Any]:
        """Measure everything; returns the contestant's entry of the results. Raises OpsError."""
        name, scenes = self.stage.one.name, {}
        self.stage.start()
        service_ms = self._closed(self.cpus)["latency_ms"]["p50"] or 0.0
        rates = {clients: self._closed(clients)["goodput_per_s"] for clients in self.plan.capacity_clients}
        clients, before = max(rates.items(), key=lambda item: item[1])
        self.say(f"  {name}: capacity {before:.2f}/s with {clients} clients, service time {service_ms:.0f} ms")
        loads = {str(load): self._open(load / 100, before) for load in self.plan.loads}
        if self.stage.one.port == "gateway":
            scenes = self._scenes(before)
        after = self._closed(clients)["goodput_per_s"]
        capacity = {"before": before, "after": after, "per_s": (before + after) / 2, "clients": clients}
        self.say(f"  {name}: capacity {after:.2f}/s afterwards")
        return {
            "capacity": capacity,
            "service_ms": service_ms,
            "loads": {load: goodput.with_capacity(step, capacity["per_s"]) for load, step in loads.items()},
            "scenes": {
                scene: goodput.with_capacity(step, capacity["per_s"]) if "goodput_per_s" in step else step
                for scene, step in scenes.items()
            },
        }

    def _closed(self, clients: int) -> dict[str, Any]:
        """Measure a closed loop: the rate of a number of clients that wait for their answers."""
        stage, plan = self.stage, self.plan
        phase = stage.meter.closed(stage.target, stage.trees, clients, plan.warm_s, plan.capacity_s)
        latencies = goodput.percentiles(phase["latencies_ms"])
        return {"goodput_per_s": stats.rate(phase), "latency_ms": latencies, "errors": phase["errors"]}

    def _open(self, times: float, capacity: float, **more: Any) -> dict[str, Any]:
        """Send at `times` the capacity; afterwards wait until the server is idle, or start it again."""
        before = count_inferred(self.stage.server)
        group = Group("all", rate=times * capacity, headers=more.pop("headers", ()))
        found = self._crowd([group], self.plan.seconds, **more)
        busy_s, settled = self.stage.busy_s(self.plan.drain_s)
        step = found.pop("all")
        inferred = count_inferred(self.stage.server) - before
        step |= {
            **found,
            "inferred": inferred,
            "for_nobody": goodput.for_nobody(inferred, step["answered"]),
            "busy_after_s": busy_s,
            "settled": settled,
        }
        p99 = step["latency_ms"]["p99"]
        self.say(
            f"  {self.stage.one.name}: {times:g}×: goodput {step['goodput_per_s']:.2f}/s, "
            f"p99 {'–' if p99 is None else f'{p99:.0f} ms'}, {step['errors'] or 'no errors'}, "
            f"{step['for_nobody']} for nobody"
        )
        if not settled:
            self.say(f"  {self.stage.one.name}: still busy after {busy_s:.0f} s: it is started again")
            self.stage.start()
            self._closed(self.cpus)  # warms up
        return step

    def _scenes(self, capacity: float) -> dict[str, Any]:
        """Measure what only this stack is asked for."""
        patience = {"headers": (("X-Request-Timeout", f"{LEAVES_S:g}"),), "patience_s": LEAVES_S}
        plan = self.plan
        return {
            "steady": self._open(STEADY, capacity),
            "leaving": {**self._open(DOUBLE, capacity, **patience), "patience_s": LEAVES_S},
            "callers": self._callers(),
            "bystanders": self._open(STEADY, capacity, idle=plan.idle, slow=plan.slow),
            **{f"closed_{clients}": self._closed(clients) for clients in CLOSED},
        }

    def _callers(self) -> dict[str, Any]:
        """Load with two callers, told apart by their addresses."""
        groups = [Group("many", clients=MANY, source="127.0.0.3"), Group("few", clients=FEW, source="127.0.0.2")]
        found = self._crowd(groups, self.plan.seconds)
        self.stage.busy_s(self.plan.drain_s)
        shown = ", ".join(f"{name} {found[name]['goodput_per_s']:.2f}/s" for name in ("many", "few"))
        self.say(f"  {self.stage.one.name}: two callers: {shown}")
        return {name: found[name] for name in ("many", "few")}

    def _crowd(
        self, groups: list[Group], seconds: float, patience_s: float | None = None, idle: int = 0, slow: int = 0
    ) -> dict[str, Any]:  # fmt: skip
        """Run a crowd; return each group's summary by its name, and what the measurement itself saw."""
        stage, patience = self.stage, patience_s or self.plan.patience_s
        found = stage.meter.crowd(stage.target, stage.trees, groups, seconds, patience, idle, slow)
        groups_found = found.pop("groups")
        return found | {name: goodput.summarise(one, seconds) for name, one in groups_found.items()}
