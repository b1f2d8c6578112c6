"""The race: prepare, choose the rivals' shapes, run the rounds, publish."""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks import tune
from benchmarks.contestants.images import find_images
from benchmarks.contestants.roster import PRECISION_TWINS, Contestant, servers_of
from benchmarks.meter import Meter
from benchmarks.options import plan_of, results_name
from benchmarks.paths import RESULTS
from benchmarks.plan import QUICK
from benchmarks.report import chart, notes, results, tables
from benchmarks.report.measurements import Measurements
from benchmarks.rounds import Rounds
from benchmarks.servers import artifacts
from benchmarks.servers.launcher import Launcher
from benchmarks.session import bar, pin
from ops.terminal.console import say


def run(options: argparse.Namespace) -> int:
    """Race the chosen contestants. Returns the exit code. Raises OpsError."""
    plan, cpus, name = plan_of(options), pin(options.cpus), results_name(options)
    weights, images = artifacts.find_weights(options.weights), find_images(options.pictures)
    say(f"Preparing ({len(images)} images, {weights.name}, CPUs {','.join(map(str, cpus))})")
    made = artifacts.make_all(weights, images, options.int8)
    reference = artifacts.reference_boxes(made, images)
    precision = notes.openvino_default(made.openvino)
    chosen: list[Contestant] = options.contestants
    if precision in notes.F32 and not options.only:
        chosen = [one for one in chosen if one.name not in PRECISION_TWINS]
    # A race that will be quoted measures everything itself; a shortened one may use the rates of an earlier run.
    rates = {} if options.tune or name == "latest" else tune.recall(made, len(cpus))
    untuned = [one for one in chosen if not one.ours and not one.fixed and one.server not in rates]
    if options.quick or options.shape:
        untuned = []
    seconds = plan.duration_s(len(chosen), len(servers_of(chosen))) + 2 * len(untuned) * (QUICK.seconds + 8) + 3
    say(f"Racing {len(chosen)} contestants, about {seconds / 60:.0f} min (Ctrl-C stops it cleanly)")
    with bar(seconds) as progress:
        meter = Meter(images, cpus, options.client_cpus or cpus, progress.tick)
        client = meter.own_cost()
        if untuned:
            progress.say("shapes of the rivals")
            rates = tune.measure(untuned, made, meter, QUICK.seconds, progress.say)
        if options.shape:
            rates = {}
        shapes = tune.choose(chosen, rates, len(cpus), options.shape)
        measured = Measurements(plan, cpus, chosen)
        Rounds(measured, reference, shapes, Launcher(made, options.own_shape), meter, progress.say).run()
    settings = {
        "pictures": len(images),
        "picture_bytes": sum(path.stat().st_size for path in images),
        "weights": weights.name,
        "weights_sha256": made.sha256,
        "quick": options.quick,
        "own_shape": str(options.own_shape) if options.own_shape else None,
    }
    remarks = notes.gather(precision, set(meter.client_cpus) == set(cpus), shapes, rates, options.quick)
    found = results.assemble(measured, settings, remarks, client)
    say(f"\n{tables.render(found, tables.aligned)}")
    write(found, name)
    return judge(found, chosen)


def write(found: dict[str, Any], name: str) -> None:
    """Write the results as JSON, Markdown and chart."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    chart.draw(found, RESULTS / f"{name}.png")
    (RESULTS / f"{name}.md").write_text(tables.render(found, tables.markdown, f"{name}.png"))
    say(f"written: benchmarks/results/{name}.json, {name}.md, {name}.png")


def judge(found: dict[str, Any], contestants: list[Contestant]) -> int:
    """Report contestants with wrong boxes and those left out. Returns 1 if there are any, else 0."""
    raced = [(one, found["contestants"][one.name]) for one in contestants]
    refused = [one.name for one, its in raced if its["refused"]]
    wrong = [one.name for one, its in raced if one.exact and not its["refused"] and not its["parity"]["exact"]]
    if wrong:
        say(f"not the reference's boxes: {', '.join(wrong)}")
    if refused:
        say(f"left out: {', '.join(refused)} (see above)")
    return 1 if wrong or refused else 0
