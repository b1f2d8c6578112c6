"""More work than a server can do: goodput, latencies and refusals of each contestant around its own capacity."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks import tune
from benchmarks.contestants.images import find_images
from benchmarks.contestants.roster import Contestant
from benchmarks.meter import Meter
from benchmarks.options import overload_plan_of, results_name
from benchmarks.paths import RESULTS, ROOT
from benchmarks.pressure import Pressure, Stage
from benchmarks.report import machine, overload_chart, overload_notes, overload_promises, overload_tables
from benchmarks.report.tables import aligned, markdown
from benchmarks.servers import artifacts
from benchmarks.servers.launcher import Launcher
from benchmarks.session import bar, pin
from ops.errors import OpsError
from ops.terminal.console import say

STACK = "stack_gateway"


def run(options: argparse.Namespace) -> int:
    """Overload the chosen contestants one after the other. Returns the exit code. Raises OpsError."""
    plan, cpus, name = overload_plan_of(options), pin(options.cpus), results_name(options)
    weights, images = artifacts.find_weights(options.weights), find_images(options.pictures)
    made = artifacts.make_all(weights, images, options.int8)
    chosen: list[Contestant] = options.contestants
    shapes = tune.choose(chosen, tune.recall(made, len(cpus)), len(cpus), options.shape)
    own = sum(one.port == "gateway" for one in chosen)
    seconds = plan.duration_s(len(chosen) - own, own)
    say(f"Overloading {len(chosen)} contestants, about {seconds / 60:.0f} min (Ctrl-C stops it cleanly)")
    found: dict[str, Any] = {}
    with bar(seconds) as progress:
        meter = Meter(images, cpus, options.client_cpus or cpus, progress.tick)
        launcher = Launcher(made, options.own_shape)
        for one in chosen:
            shape = options.own_shape or "" if one.ours else shapes[one.server]
            entry = {"title": one.title, "shape": str(shape) or None, "refused": None}
            progress.say(one.title)
            with Stage(one, launcher, shapes[one.server], meter) as stage:
                try:
                    entry |= Pressure(plan, stage, len(cpus), progress.say).measure()
                except OpsError as error:
                    entry["refused"] = str(error)
                    progress.say(f"  {one.name}: left out: {error}\n{stage.server.tail()}")
            found[one.name] = entry
    settings = {
        **asdict(plan), "pictures": len(images), "weights": weights.name, "weights_sha256": made.sha256,
        "max_wait_s": default_of("MAX_WAIT_S"),
    }  # fmt: skip
    return publish(assemble(found, settings, cpus), name)


def default_of(setting: str) -> float:
    """Return the default of a setting with a number; the gateway under test runs with the defaults."""
    found = re.search(rf"^{setting}=(\S+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    if found is None:
        raise OpsError(f".env.example has no {setting}")
    return float(found[1])


def assemble(found: dict[str, Any], settings: dict[str, Any], cpus: list[int]) -> dict[str, Any]:
    """Return the results as one plain dictionary."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": machine.commit(),
        "machine": machine.describe(cpus),
        "versions": machine.versions(),
        "settings": settings,
        "contestants": found,
        "notes": overload_notes.gather(found),
    }


def publish(results: dict[str, Any], name: str) -> int:
    """Print and write the results. Returns 1 if a contestant was left out, else 0."""
    own = results["contestants"].get(STACK)
    judged = []
    if own and not own["refused"]:
        judged = overload_promises.judge(own, results["settings"]["max_wait_s"])
    results["promises"] = [asdict(promise) for promise in judged]
    say(f"\n{overload_tables.render(results, judged, aligned)}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (RESULTS / f"{name}.md").write_text(overload_tables.render(results, judged, markdown, f"{name}.png"))
    files = [f"{name}.json", f"{name}.md"]
    if any(not one["refused"] for one in results["contestants"].values()):
        overload_chart.draw(results, RESULTS / f"{name}.png")
        files.append(f"{name}.png")
    say(f"written: benchmarks/results/{', '.join(files)}")
    return 1 if any(one["refused"] for one in results["contestants"].values()) else 0
