"""The race's front door: `python -m benchmarks --help`, started by scripts/bench.sh in the race's own environment."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import overhead, startup, tune
from benchmarks.contestants import pictures
from benchmarks.contestants import roster as contestants
from benchmarks.contestants.roster import Contestant
from benchmarks.load.http_client import Target
from benchmarks.meter import Meter
from benchmarks.options import name_of, parse, plan_of
from benchmarks.paths import OWN_PYTHON, RESULTS, ROOT, WEIGHTS, WORK
from benchmarks.plan import QUICK
from benchmarks.race import Race
from benchmarks.report import chart, machine, notes, results, stats
from benchmarks.report import tables as report
from benchmarks.servers import artifacts
from benchmarks.servers.launch import Servers
from benchmarks.servers.processes import Tree, free_ports, stop_leftovers
from benchmarks.servers.variables import clean
from benchmarks.session import alone, bar, end_cleanly, pin
from ops.errors import OpsError, from_os_error
from ops.terminal.console import say


def client_cost(meter: Meter) -> dict[str, Any]:
    """Measure the load generator against a server that does nothing: its own cost, the same for everyone."""
    (port,) = free_ports(1)
    tree = Tree(WORK / "null.pids")
    log = WORK / "logs" / "null.log"
    tree.spawn([sys.executable, "-m", "benchmarks.servers.null_server", str(port)], clean(), ROOT, log)
    try:
        target = Target(port, "/", "file")
        time.sleep(0.5)
        phase = meter.closed(target, [tree], 1, 0.3, 1.5)
    finally:
        tree.stop()
    cost = stats.summary([phase])
    return {"p50_ms": cost["latency_ms"]["p50"], "cpu_ms_per_image": cost["client_cpu_ms"]}


def weights_of(options: argparse.Namespace) -> Path:
    """Return the weights to race with, obtained as up.sh does when there are none. Raises OpsError with the mend."""
    # What obtains them prints its own progress and mend.
    code = "from ops.setup import prepare, weights; prepare.copy_samples(); " + (
        "" if options.weights else "weights.obtain()"
    )
    if subprocess.run([OWN_PYTHON, "-c", code], cwd=ROOT, check=False).returncode:
        raise OpsError("weights or sample pictures are missing (see above)")
    chosen = (options.weights or WEIGHTS).resolve()
    if not chosen.is_file():
        raise OpsError(f"there are no weights at {chosen}. Name others: --weights FILE")
    return chosen


def write(found: dict[str, Any], name: str) -> None:
    """Write JSON, Markdown and chart."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    chart.draw(found, RESULTS / f"{name}.png")
    (RESULTS / f"{name}.md").write_text(report.document(found, f"{name}.png"))
    say(f"\nwritten: benchmarks/results/{name}.json, {name}.md, {name}.png")


def race(options: argparse.Namespace) -> int:
    """Prepare, tune, race, report. Raises OpsError."""
    chosen: list[Contestant] = options.contestants
    plan, cpus = plan_of(options), pin(options.cpus)
    weights, shown = weights_of(options), pictures.find(options.pictures)
    say(f"Preparing ({len(shown)} pictures, {weights.name}, CPUs {','.join(map(str, cpus))})")
    made = artifacts.make_all(weights, shown, options.int8)
    reference = artifacts.reference(weights, made.digest, shown)
    precision = notes.openvino_default(str(made.openvino))
    if precision in notes.F32 and not options.only:
        chosen = [one for one in chosen if one.name not in contestants.PRECISION_TWINS]
    rivals = [one for one in chosen if not one.ours and not one.fixed]
    # A race that will be quoted measures everything itself; a shortened one may remember.
    afresh = options.tune or name_of(options) == "latest"
    tuned = {} if afresh else tune.recall(made, len(cpus))
    untuned = [one for one in rivals if one.server not in tuned] if not options.quick and not options.shape else []
    seconds = plan.duration(len(chosen), len(contestants.servers(chosen))) + 2 * len(untuned) * (QUICK.seconds + 8) + 3
    say(f"Racing {len(chosen)} contestants, about {seconds / 60:.0f} min (Ctrl-C stops it cleanly)")
    with bar(seconds) as progress:
        meter = Meter(shown, cpus, options.client_cpus or cpus, progress.tick)
        client = client_cost(meter)
        if untuned:
            progress.say("shapes of the rivals")
            tuned = tune.measure(untuned, made, meter, QUICK.seconds, progress.say)
        shapes = tune.chosen(chosen, {} if options.shape else tuned, len(cpus), options.shape)
        run = Race(plan, made, shown, reference, chosen, shapes, options.own_shape, meter, progress.say)
        try:
            run.run()
        except KeyboardInterrupt:
            say("\ninterrupted; all servers are stopped. A run that ends writes results, this one does not")
            return 130
    settings = {
        "pictures": len(shown),
        "picture_bytes": sum(path.stat().st_size for path in shown),
        "weights": weights.name,
        "weights_sha256": made.digest,
        "quick": options.quick,
        "own_shape": str(options.own_shape) if options.own_shape else None,
    }
    remarks = notes.gather(
        precision, set(meter.client_cpus) == set(cpus), shapes, {} if options.shape else tuned, options.quick
    )
    found = results.assemble(run, settings, remarks, client)
    say("\n" + report.terminal(found))
    write(found, name_of(options))
    wrong = [one.name for one in chosen if one.exact and not found["contestants"][one.name]["refused"]
             and not found["contestants"][one.name]["parity"]["exact"]]  # fmt: skip
    refused = [one.name for one in chosen if found["contestants"][one.name]["refused"]]
    if wrong:
        say(f"not the reference's boxes: {', '.join(wrong)}")
    if refused:
        say(f"left out: {', '.join(refused)} (see above)")
    return 1 if wrong or refused else 0


def layers(options: argparse.Namespace) -> int:
    """Measure what the layers add, with the picture of middling size, and how long a start takes. Raises OpsError."""
    cpus, weights, shown = pin(options.cpus), weights_of(options), pictures.find(options.pictures)
    made = artifacts.make_all(weights, shown, None)
    by_size = sorted(shown, key=lambda path: path.stat().st_size)
    picture = by_size[len(by_size) // 2]
    say(f"{options.calls} calls of each kind with one picture of {picture.stat().st_size / 1000:.0f} kB")
    servers = Servers(made, options.own_shape)
    with bar(options.calls * 0.4 + startup.STARTS * startup.WANTED_S) as progress:
        meter = Meter(shown, cpus, options.client_cpus or cpus, progress.tick)
        try:
            found = overhead.over_torchserve(servers, meter, picture, options.calls)
            found["stand_in"] = overhead.over_nothing(meter, picture, options.calls)
        finally:
            servers.stop_all()
        found["startup_s"] = startup.measure(made, progress.tick)
    targets = {**overhead.TARGETS, "startup_s": startup.WANTED_S}
    found = {"machine": machine.describe(cpus), "commit": machine.commit(), **found, "targets": targets}
    for where, one in (("TorchServe", found), ("a server that answers at once", found["stand_in"])):
        say(f"\np50 in ms, {where}: " + ", ".join(f"{name} {value:.2f}" for name, value in one["p50_ms"].items()))
        first = ", ".join(f"{name} {value:.2f}" for name, value in one["after_pause_p50_ms"].items())
        say(f"  of the first call after a pause: {first}")
    say("\n" + report.aligned(overhead.rows(found)))
    say("\n" + report.aligned(startup.rows(found["startup_s"])))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


def main() -> int:
    """Run; every failure is one message and exit code 1, an interruption 130; no server survives either."""
    options = parse()
    end_cleanly()
    try:
        (WORK / "ultralytics").mkdir(parents=True, exist_ok=True)
        with alone():
            left = stop_leftovers(WORK)
            if left:
                say(f"stopped {left} process(es) that an interrupted run had left")
            return layers(options) if options.overhead else race(options)
    except OpsError as error:
        say(f"error: {error}")
        return 1
    except OSError as error:
        say(f"error: {from_os_error(error, 'racing')}")
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted; all servers are stopped")
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
