"""Workers and threads of the rivals: each runs in the better of the shapes that its documentation offers.

Either one worker per CPU with one thread each, or one worker with all CPUs as threads. Both are measured on this
machine with four clients before the race, and the quicker one races; this stack runs with its own defaults.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.contestants import answers as probe
from benchmarks.contestants.roster import Contestant
from benchmarks.meter import Meter
from benchmarks.paths import WORK
from benchmarks.plan import Shape
from benchmarks.report import stats
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.launch import Servers
from ops.errors import OpsError

CLIENTS = 4


def shapes(cpus: int) -> list[Shape]:
    """Return the shapes to try on that many CPUs, the one that documentation names first at the front."""
    candidates = [Shape(cpus, 1), Shape(1, cpus)]
    if cpus >= 8:
        candidates.append(Shape(cpus // 4, 4))
    return list(dict.fromkeys(candidates))


def remembered(artifacts: Artifacts, cpus: int) -> Path:
    """Return where the choice for these weights and this many CPUs is kept."""
    return WORK / artifacts.digest[:12] / f"shapes-{cpus}.json"


def recall(artifacts: Artifacts, cpus: int) -> dict[str, dict[str, float]]:
    """Return what was measured before: images/s by shape, by server; empty when nothing readable is there."""
    try:
        return json.loads(remembered(artifacts, cpus).read_text())
    except (OSError, ValueError):
        return {}


def best(rates: dict[str, float]) -> Shape:
    """Return the quickest shape."""
    workers, threads = max(rates, key=lambda shape: rates[shape]).split("×")
    return Shape(int(workers), int(threads))


def measure(
    contestants: list[Contestant], artifacts: Artifacts, meter: Meter, seconds: float, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Measure every rival in every shape; remember and return images/s by shape, by server."""
    cpus = len(meter.cpus)
    found = recall(artifacts, cpus)
    starter = Servers(artifacts)
    try:
        for one in contestants:
            if one.ours or one.fixed or len(shapes(cpus)) == 1:
                continue
            found[one.server] = {}
            for shape in shapes(cpus):
                running = starter.start(one.server, shape)
                try:
                    target = one.target(running.ports)
                    probe.first_answer(one, target, meter.pictures[0], running.exited)
                    phase = meter.closed(target, list(running.trees.values()), CLIENTS, 1.0, seconds)
                    found[one.server][str(shape)] = stats.rate(phase)
                    say(f"  {one.name} with {shape}: {stats.rate(phase):.2f} images/s at {CLIENTS} clients")
                except OpsError as error:
                    say(f"  {one.name} with {shape}: {error}")
                finally:
                    starter.stop(running)
            remembered(artifacts, cpus).write_text(json.dumps(found))
    finally:
        meter.stop()
        starter.stop_all()
    return found


def chosen(
    contestants: list[Contestant], measured: dict[str, dict[str, float]], cpus: int, forced: Shape | None
) -> dict[str, Shape]:
    """Return each server's shape: the one forced, else the quickest measured, else the first."""
    return {
        one.server: one.fixed or forced or (best(measured[one.server]) if measured.get(one.server) else shapes(cpus)[0])
        for one in contestants
    }
