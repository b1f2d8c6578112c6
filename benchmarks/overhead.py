"""What the layers add: the gateway, plain and with everything on, over TorchServe; TorchServe over the handler.

One client calls all of them in turn with the same image, see `loops.alternating`. The handler reports its own time
(`timings_ms.total` in the answer). The gateways are measured twice: in front of the real TorchServe, and in front of a
stand-in that answers at once, where no inference disturbs. With everything on, no image is in the cache; cache hits are
measured separately. What it costs to be observed is measured with a gateway that counts, logs and traces a tenth of the
requests, in turn with one that does none of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import startup
from benchmarks.contestants.answers import await_first_answer
from benchmarks.contestants.images import find_images
from benchmarks.contestants.roster import BY_NAME
from benchmarks.load.target import Target
from benchmarks.meter import Meter
from benchmarks.paths import RESULTS
from benchmarks.plan import Shape
from benchmarks.report import differences, machine, stats
from benchmarks.report.tables import aligned
from benchmarks.servers import artifacts, null_server
from benchmarks.servers.gateway import FullGateway, start_gateway, upstream
from benchmarks.servers.launcher import Launcher
from benchmarks.servers.processes import free_ports
from benchmarks.servers.server import Server
from benchmarks.session import bar, pin
from ops.errors import OpsError
from ops.store import archive
from ops.terminal.console import say

#: The share of the answers that must be cache hits, or misses, as intended.
MIN_SHARE = 0.9
#: Closed loops of an observed and an unobserved gateway in turn: clients, and seconds before and of each.
CLIENTS, WARM_S, SECONDS = 4, 0.5, 2.0
#: Calls of each kind for one round of these loops.
CALLS_A_ROUND = 20


def run(options: argparse.Namespace) -> int:
    """Measure the layers with the image of median size, and the starts. Returns the exit code. Raises OpsError."""
    cpus, weights, images = pin(options.cpus), artifacts.find_weights(options.weights), find_images(options.pictures)
    made = artifacts.make_all(weights, images, None)
    image = sorted(images, key=lambda path: path.stat().st_size)[len(images) // 2]
    say(f"{options.calls} calls of each kind with one image of {image.stat().st_size / 1000:.0f} kB")
    rounds = 2 * 2 * (options.calls // CALLS_A_ROUND)
    with bar(options.calls * 0.5 + rounds * (WARM_S + SECONDS + 0.5) + startup.STARTS * startup.WANTED_S) as progress:
        meter = Meter(images, cpus, options.client_cpus or cpus, progress.tick)
        found = over_torchserve(Launcher(made, options.own_shape), meter, image, options.calls)
        found["stand_in"] = over_null_server(meter, image, options.calls)
        found["startup_s"] = startup.measure(made, progress.tick)
    targets = {**differences.TARGETS, "startup_s": startup.WANTED_S}
    found = {"machine": machine.describe(cpus), "commit": machine.commit(), **found, "targets": targets}
    for where, one in (("TorchServe", found), ("a server that answers at once", found["stand_in"])):
        say(f"\np50 in ms, {where}: {listed(one['p50_ms'])}")
        say(f"  of the first call after a pause: {listed(one['after_pause_p50_ms'])}")
    say(f"\n{aligned(differences.table(found))}\n\n{aligned(differences.observed_table(found))}")
    say(f"\n{aligned(startup.table(found['startup_s']))}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


def listed(values: Mapping[str, float]) -> str:
    """Format named values in one line."""
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items())


def over_torchserve(launcher: Launcher, meter: Meter, image: Path, calls: int) -> dict[str, Any]:
    """Measure both gateways in front of the real TorchServe. Raises OpsError."""
    version = archive.describe(launcher.artifacts.store / "yolo.mar").version
    with Server("stack") as server, FullGateway("stack") as full:
        launcher.start(server, Shape(0, 0))
        full.launch(upstream(server.ports["inference"], server.ports["management"]), version)
        called = call_all(server, full, meter, image, calls)
        everything = {"cache": full.store, "rate_limits": full.store}
        observed = observe(upstream(server.ports["inference"], server.ports["management"]), meter, image, calls)
    return {**differences.compute(called, "torchserve"), "everything": everything, "observed": observed}


def over_null_server(meter: Meter, image: Path, calls: int) -> dict[str, Any]:
    """Measure both gateways in front of a server that answers at once. Raises OpsError."""
    with Server("stand_in") as server, FullGateway("stand_in") as full:
        server.ports = dict(zip(("inference", "gateway"), free_ports(2), strict=True))
        before = upstream(server.ports["inference"], server.ports["inference"])
        null_server.start_null_server(server, server.ports["inference"])
        start_gateway(server, server.ports["gateway"], before)
        full.launch(before, null_server.VERSION)
        called = call_all(server, full, meter, image, calls)
        observed = observe(before, meter, image, calls)
    return {**differences.compute(called, "stand_in"), "observed": observed}


def observe(before: Mapping[str, str], meter: Meter, image: Path, calls: int) -> dict[str, Any]:
    """Compare two gateways in front of the same model server, an observed and an unobserved one. Raises OpsError."""
    with Server("observing") as server:
        server.ports = dict(zip(("collector", "on", "off"), free_ports(3), strict=True))
        null_server.start_null_server(server, server.ports["collector"])  # takes spans as well as images
        traces = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.ports['collector']}",
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.1",
        }
        start_gateway(server, server.ports["on"], {**before, **traces}, "on")
        quiet = {**before, "LOG_LEVEL": "ERROR"}
        start_gateway(server, server.ports["off"], quiet, "off", "benchmarks.servers.uncounted")
        targets = {name: Target(server.ports[name], "/predict", "file") for name in ("on", "off")}
        for target in targets.values():
            await_first_answer(BY_NAME["stack_gateway"], target, image, server.exit_code)
        on, off = (one["latencies_ms"] for one in meter.alternating(list(targets.values()), image, calls))
        phases: dict[str, list[dict[str, Any]]] = {name: [] for name in targets}
        for turn in range(max(1, calls // CALLS_A_ROUND)):
            for name in list(targets) if turn % 2 else reversed(targets):
                phases[name].append(meter.closed(targets[name], [server.trees[name]], CLIENTS, WARM_S, SECONDS))
    rates = {name: [stats.rate(phase) for phase in found] for name, found in phases.items()}
    return {
        "p50_ms": {"on": differences.median(on), "off": differences.median(off)},
        "added_ms": differences.difference(on, off),
        "images_per_s": {name: stats.spread(found) for name, found in rates.items()},
        "gateway_cpu_ms": {name: stats.cpu_ms_per_image(found, "server_cpu_s") for name, found in phases.items()},
        "of_unobserved": stats.ratio(rates["on"], rates["off"]),
    }


def call_all(server: Server, full: FullGateway, meter: Meter, image: Path, calls: int) -> dict[str, dict[str, Any]]:
    """Call the model server and both gateways in turn; return the results by kind of call.

    Raises OpsError when one does not answer, lacks a feature, or answers from the cache when it should not.
    """
    plain = server.ports["gateway"]
    targets = {
        "direct": Target(server.ports["inference"], "/predictions/yolo"),
        "form": Target(plain, "/predict", "file"),
        "raw": Target(plain, "/predict"),
        "everything_form": full.target("file"),
        "everything_raw": full.target(None),
        "cache_hit": full.target("file", unique=False),
    }
    try:
        for kind, contestant in (("direct", "stack_direct"), ("form", "stack_gateway"), ("cache_hit", "stack_gateway")):
            await_first_answer(
                BY_NAME[contestant], targets[kind], image, lambda: server.exit_code() or full.exit_code()
            )
        full.check(image)
        called = dict(zip(targets, meter.alternating(list(targets.values()), image, calls), strict=True))
        for kind, wanted in (("everything_form", "MISS"), ("everything_raw", "MISS"), ("cache_hit", "HIT")):
            seen = called[kind]["cache"]
            if seen.get(wanted, 0) < MIN_SHARE * calls:
                raise OpsError(f"{kind}: nearly all of {calls} answers should have X-Cache {wanted}, not {seen}")
    except OpsError as error:
        raise OpsError(f"{error}\n{server.tail()}") from error
    return called
