"""What the layers add: the gateway, plain and with everything on, over TorchServe; TorchServe over the handler.

One client calls all in turn, some calls each, with the same picture, so that they see the same moments of the machine.
What the first call after such a pause takes is told apart. The handler's time is what it says itself
(`timings_ms.total` in the answer). The gateways are measured twice: before the real TorchServe, and before a stand-in
that answers at once, where no inference disturbs. With everything on, every picture is one that the cache has not seen;
what it has seen is measured apart.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.contestants import answers as probe
from benchmarks.contestants.roster import ALL
from benchmarks.load.http_client import Target
from benchmarks.meter import Meter
from benchmarks.paths import LOGS, ROOT, WORK
from benchmarks.plan import Shape
from benchmarks.report import stats
from benchmarks.servers import full_gateway as everything
from benchmarks.servers import null_server
from benchmarks.servers.directories import tail
from benchmarks.servers.full_gateway import Everything
from benchmarks.servers.launch import Servers
from benchmarks.servers.processes import Tree, free_ports
from benchmarks.servers.variables import clean
from ops.errors import OpsError
from ops.store import archive

TARGETS = {"gateway_ms": 2.5, "torchserve_ms": 5.0, "cache_hit_ms": 3.0}
#: Of the answers that are to be remembered ones, or not to be.
MOST = 0.9
Called = Mapping[str, Mapping[str, Any]]


def over_torchserve(servers: Servers, meter: Meter, picture: Path, calls: int) -> dict[str, Any]:
    """Measure both gateways over the real TorchServe; all is stopped afterwards. Raises OpsError."""
    running = servers.start("stack", Shape(0, 0))
    ports = running.ports
    try:
        version = archive.describe(servers.artifacts.store / "yolo.mar").version
        before = everything.upstream(ports["inference"], ports["management"])
        with everything.running("stack", before, version) as full:
            direct = Target(ports["inference"], "/predictions/yolo")
            called = ask(direct, ports["gateway"], full, meter, picture, calls, running.exited)
            return {**differences(called, "torchserve"), "everything": {"cache": full.store, "rate_limits": full.store}}
    except OpsError as error:
        raise OpsError(f"{error}\n{tail('stack')}") from error
    finally:
        meter.stop()
        servers.stop(running)


def over_nothing(meter: Meter, picture: Path, calls: int) -> dict[str, Any]:
    """Measure both gateways over a server that answers at once. Raises OpsError."""
    port, plain = free_ports(2)
    server, front = Tree(WORK / "stand_in.pids"), Tree(WORK / "stand_in-gateway.pids")
    before = everything.upstream(port, port)
    try:
        argv = [sys.executable, "-m", "benchmarks.servers.null_server", str(port)]
        server.spawn(argv, clean(), ROOT, LOGS / "stand_in.log")
        everything.gateway_on(front, plain, before, LOGS / "stand_in-gateway.log")
        with everything.running("stand_in", before, null_server.VERSION) as full:
            direct = Target(port, "/predictions/yolo")
            called = ask(direct, plain, full, meter, picture, calls, lambda: front.exited() or server.exited())
            return differences(called, "stand_in")
    except OpsError as error:
        raise OpsError(f"{error}\n{tail('stand_in')}") from error
    finally:
        meter.stop()
        front.stop()
        server.stop()


def ask(
    direct: Target,
    plain: int,
    full: Everything,
    meter: Meter,
    picture: Path,
    calls: int,
    exited: Callable[[], int | None],
) -> Called:
    """Wait for all, call them in turn; return what came, by name. Raises OpsError, also for the wrong answers."""
    targets = {
        "direct": direct,
        "form": Target(plain, "/predict", "file"),
        "raw": Target(plain, "/predict"),
        "everything_form": full.target("file"),
        "everything_raw": full.target(None),
        "cache_hit": full.target("file", unlike=False),
    }
    stack = {one.name: one for one in ALL}
    for name, contestant in (("direct", "stack_direct"), ("form", "stack_gateway"), ("cache_hit", "stack_gateway")):
        probe.first_answer(stack[contestant], targets[name], picture, lambda: exited() or full.exited())
    full.check(picture)
    called = dict(zip(targets, meter.alternating(list(targets.values()), picture, calls), strict=True))
    for name, wanted in (("everything_form", "MISS"), ("everything_raw", "MISS"), ("cache_hit", "HIT")):
        counted = called[name]["cache"]
        if counted.get(wanted, 0) < MOST * calls:
            raise OpsError(f"{name}: of {calls} answers nearly all were to be {wanted}, and these came: {counted}")
    return called


def differences(called: Called, server: str) -> dict[str, Any]:
    """Compute what the layers add over the model server called directly; `server` is its name in `p50_ms`."""
    latencies = {name: one["latencies_ms"] for name, one in called.items()}
    names = {server: "direct", **{name: name for name in latencies if name != "direct"}}
    found: dict[str, Any] = {"calls": len(latencies["direct"])}
    if server == "torchserve":
        handler = [json.loads(body)[0]["timings_ms"]["total"] for body in called["direct"]["bodies"]]
        found["p50_ms"] = {"handler": median(handler)}
        found["torchserve_ms"] = added(latencies["direct"], handler)
    return {
        **found,
        "p50_ms": {**found.get("p50_ms", {}), **{name: median(latencies[key]) for name, key in names.items()}},
        "after_pause_p50_ms": {name: median(called[key]["first_ms"]) for name, key in names.items()},
        "gateway_form_ms": added(latencies["form"], latencies["direct"]),
        "gateway_raw_ms": added(latencies["raw"], latencies["direct"]),
        "everything_form_ms": added(latencies["everything_form"], latencies["direct"]),
        "everything_raw_ms": added(latencies["everything_raw"], latencies["direct"]),
    }


def median(values: list[float]) -> float:
    """Return the median, in hundredths."""
    return round(stats.percentile(values, 50) or 0.0, 2)


def added(outer: list[float], inner: list[float]) -> dict[str, float]:
    """Return by how much the medians differ, and the median of the differences call by call."""
    paired = [one - other for one, other in zip(outer, inner, strict=True)]
    return {"of_p50": round(median(outer) - median(inner), 2), "paired_p50": median(paired)}


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return what was found as a table."""
    table = [["added at p50, ms", "difference of p50", "p50 of differences", "wanted", "kept"]]
    for where, one in (("TorchServe", found), ("a server that answers at once", found["stand_in"])):
        for key, title in (
            ("gateway_form_ms", "gateway over {}, form upload"),
            ("gateway_raw_ms", "gateway over {}, raw body"),
            ("everything_form_ms", "the same with everything on, form upload"),
            ("everything_raw_ms", "the same with everything on, raw body"),
        ):
            measured = one[key]
            table.append(row(title.format(where), measured["of_p50"], TARGETS["gateway_ms"], measured["paired_p50"]))
        table.append(row("  (a cache hit, the whole answer)", one["p50_ms"]["cache_hit"], TARGETS["cache_hit_ms"]))
    over = found["torchserve_ms"]
    table.append(row("TorchServe over the handler", over["of_p50"], TARGETS["torchserve_ms"], over["paired_p50"]))
    return table


def row(title: str, measured: float, limit: float, paired: float | None = None) -> list[str]:
    """Return one line of the table."""
    beside = "–" if paired is None else f"{paired:.2f}"
    return [title, f"{measured:.2f}", beside, f"≤ {limit:g}", "yes" if measured <= limit else "no"]
