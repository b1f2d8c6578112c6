"""The shape of each rival: the better one of those that its documentation offers.

One worker per CPU with one thread each, or one worker with all CPUs as threads. Both are measured on this machine with
four clients before the race, and the quicker one races. This stack runs with its own defaults.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.contestants.answers import await_first_answer
from benchmarks.contestants.roster import Contestant
from benchmarks.meter import Meter
from benchmarks.plan import Shape
from benchmarks.report import stats
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.launcher import Launcher
from benchmarks.servers.server import Server
from ops.errors import OpsError

CLIENTS = 4
#: Images per second by shape, by server.
Rates = dict[str, dict[str, float]]


def candidates(cpus: int) -> list[Shape]:
    """Return the shapes to try on that many CPUs, the default one first."""
    shapes = [Shape(cpus, 1), Shape(1, cpus)]
    if cpus >= 8:
        shapes.append(Shape(cpus // 4, 4))
    return list(dict.fromkeys(shapes))


def rates_file(artifacts: Artifacts, cpus: int) -> Path:
    """Return where the rates for these weights and this many CPUs are kept."""
    return artifacts.folder / f"shapes-{cpus}.json"


def recall(artifacts: Artifacts, cpus: int) -> Rates:
    """Return the rates of an earlier run; empty when there are none."""
    try:
        return json.loads(rates_file(artifacts, cpus).read_text())
    except (OSError, ValueError):
        return {}


def measure(
    rivals: list[Contestant], artifacts: Artifacts, meter: Meter, seconds: float, say: Callable[[str], None]
) -> Rates:
    """Measure every rival in every shape; keep and return the rates."""
    cpus = len(meter.cpus)
    found = recall(artifacts, cpus)
    launcher = Launcher(artifacts)
    for one in rivals if len(candidates(cpus)) > 1 else []:
        found[one.server] = {}
        for shape in candidates(cpus):
            try:
                with Server(one.server) as server:
                    launcher.start(server, shape)
                    target = one.target(server.ports)
                    await_first_answer(one, target, meter.images[0], server.exit_code)
                    phase = meter.closed(target, list(server.trees.values()), CLIENTS, 1.0, seconds)
                found[one.server][str(shape)] = stats.rate(phase)
                say(f"  {one.name} with {shape}: {stats.rate(phase):.2f} images/s at {CLIENTS} clients")
            except OpsError as error:
                say(f"  {one.name} with {shape}: {error}")
        rates_file(artifacts, cpus).write_text(json.dumps(found))
    return found


def choose(contestants: list[Contestant], rates: Rates, cpus: int, forced: Shape | None) -> dict[str, Shape]:
    """Return each server's shape: the fixed one, else the forced, else the quickest measured, else the first one."""
    chosen = {}
    for one in contestants:
        measured = rates.get(one.server)
        quickest = Shape.parse(max(measured, key=lambda shape: measured[shape])) if measured else candidates(cpus)[0]
        chosen[one.server] = one.fixed or forced or quickest
    return chosen
