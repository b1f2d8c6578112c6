"""Print how many machines a rate takes, what each part can do, and what the simulation answers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.capacity.checked import CHECKED, Run
from benchmarks.capacity.costs import MEASURED, Costs
from benchmarks.capacity.scenes import Found, Pool, lost_zone, rising
from benchmarks.capacity.sizing import Machine, limits, need
from benchmarks.report.tables import Row, aligned, number
from ops.terminal.console import say

RATES = (10, 1_000, 100_000)
POOL = Pool(servers=6, workers=2, cpus=2.0, gateways=1)
#: The load after the rise, in shares of the capacity; the autoscaler's aim; seconds until a new server answers.
LOAD, TARGET, STARTS_S = 1.4, 0.7, (15.0, 60.0)
ZONES, ZONE_LOADS = 3, (0.5, 0.65, 0.8)


def run(options: argparse.Namespace) -> int:
    """Print all tables. Takes about half a minute."""
    machine = Machine()
    say(
        f"Machines with {machine.cpus} CPUs and {machine.network_bps / 1e9:.0f} Gbit/s, "
        f"{machine.utilisation:.0%} of which are used. An image costs one {MEASURED.server_s * 1000:.0f} ms of CPU."
    )
    for table in (
        needs(MEASURED, machine, options.rates or RATES),
        most(MEASURED, machine),
        several(CHECKED),
        rises(MEASURED),
        zones(MEASURED),
    ):
        say(f"\n{aligned(table)}")
    return 0


def needs(costs: Costs, machine: Machine, rates: Sequence[float]) -> list[Row]:
    """Return how many of what each rate takes."""
    rows = [[
        "images/s", "CPUs for TorchServe", "its machines", "gateway processes", "Redis, CPUs", "Caddy, CPUs",
        "Gbit/s in",
    ]]  # fmt: skip
    for rate in rates:
        one = need(rate, costs, machine)
        rows.append([
            f"{rate:,}", number(one.server_cpus), str(one.server_machines), str(one.gateways),
            number(one.redis_cpus, 2), number(one.edge_cpus, 2), number(one.network_bps / 1e9, 2),
        ])  # fmt: skip
    return rows


def most(costs: Costs, machine: Machine) -> list[Row]:
    """Return what one of each part can do."""
    return [["one of this", "images/s"], *([name, f"{rate:,.0f}"] for name, rate in limits(costs, machine))]


def several(run: Run) -> list[Row]:
    """Return the throughput of one to three servers, simulated and as it was measured."""
    rows = [[f"servers with {run.cpus:g} CPUs, {run.clients} clients: images/s", "simulated", "measured", "difference"]]
    for servers, (simulated, measured) in enumerate(zip(run.simulated(), run.rates, strict=True), 1):
        difference = f"{simulated / measured - 1:+.0%}"
        rows.append([str(servers), number(simulated, 2), number(measured, 2), difference])
    return rows


def rises(costs: Costs) -> list[Row]:
    """Return what clients get when the load doubles and an autoscaler adds servers."""
    title = f"load from {TARGET:g} to {LOAD:g} of the capacity"
    rows = [[title, *_HEADINGS, "the last server after", "servers"]]
    for start_s in STARTS_S:
        step = rising(costs, POOL, LOAD, TARGET, start_s)
        when = f"a server starts in {start_s:g} s"
        rows.append([f"{when}: first minute", *_cells(step.after), "", ""])
        rows.append(["in the end", *_cells(step.at_the_end), f"{step.settled_s:.0f} s", str(step.servers)])
    return rows


def zones(costs: Costs) -> list[Row]:
    """Return what clients get before and after one of three zones is lost."""
    rows = [["one of three zones is lost", *_HEADINGS]]
    for load in ZONE_LOADS:
        before, after = lost_zone(costs, POOL, ZONES, load)
        rows.append([f"at {load:.0%} of the capacity: before", *_cells(before)])
        rows.append(["the minute after", *_cells(after)])
    return rows


_HEADINGS = ("answers/s", "refused", "p99 of answers, s")


def _cells(found: Found) -> Row:
    return [number(found.answers_per_s), f"{found.refused:.1%}", number(found.p99_s, 2)]
