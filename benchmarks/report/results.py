"""The published results, computed from the measurements: one plain dictionary, the content of latest.json."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks.contestants.roster import BASELINE
from benchmarks.report import machine, promises, stats
from benchmarks.report.measurements import Measurements, Phase, Record

FORMAT = 1
COMPARED_AT = 4  # clients
MAX_OTHER_CPU_SHARE = 0.15  # of the CPU time used by server and load generator


def assemble(
    measured: Measurements, settings: dict[str, Any], notes: list[str], client: dict[str, Any]
) -> dict[str, Any]:
    """Return the results of a race. `client` is the load generator's own cost."""
    compared_at = min(measured.plan.clients, key=lambda clients: abs(clients - COMPARED_AT))
    before = [stats.rate(first) for first, _ in measured.ceiling]
    after = [stats.rate(last) for _, last in measured.ceiling]
    # Images per second of each contestant, round by round, at the number of clients that is compared.
    rates = {"ceiling": [(first + last) / 2 for first, last in zip(before, after, strict=True)]}
    for name, record in measured.records.items():
        rates[name] = [stats.rate(phase) for phase in record.closed.get(compared_at, [])]
    phases = [phase for pair in measured.ceiling for phase in pair]
    parallel = measured.ceiling_parallel
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": machine.commit(),
        "machine": machine.describe(measured.cpus),
        "versions": machine.versions(),
        "settings": {**settings, **asdict(measured.plan), "compared_at": compared_at},
        "notes": [*notes, *disturbance(measured)],
        "client": client,
        "ceiling": {
            **stats.summarise(phases),
            "before": before,
            "after": after,
            "drift": stats.drift(before, after),
            "engine": phases[0].get("engine") if phases else None,
            "shape": shape_of(phases),
            "memory_mb": {"rss": max((phase["rss"] for phase in phases), default=None)},
            "parity": phases[0]["parity"] if phases else None,
            "at_once": {
                **stats.summarise(parallel),
                "shape": shape_of(parallel),
                "of_ceiling": stats.ratio([stats.rate(phase) for phase in parallel], rates["ceiling"]),
            },
        },
        "contestants": {
            one.name: {
                "title": one.title,
                **publish(measured.records[one.name]),
                "times_baseline": stats.ratio(rates[one.name], rates.get(BASELINE, [])),
                "of_ceiling": stats.ratio(rates[one.name], rates["ceiling"]),
            }
            for one in measured.contestants
        },
        "targets": promises.judge(measured, rates["ceiling"], compared_at),
    }


def publish(record: Record) -> dict[str, Any]:
    """Return the published part of one contestant's record."""
    return {
        "shape": record.shape or None,
        "refused": record.refused or None,
        "parity": asdict(record.parity) | {"exact": record.parity.exact} if record.parity else None,
        "startup_s": stats.spread(record.startup_s),
        "memory_mb": {kind: max(one[kind] for one in record.memory_mb) for kind in (*record.memory_mb, {})[0]},
        "closed": {str(clients): stats.summarise(phases) for clients, phases in record.closed.items()},
        "open": {str(load): stats.summarise(phases) for load, phases in record.open.items()},
        "errors": sum(sum(phase["errors"].values()) for phase in record.phases),
        "wrong_under_load": record.wrong_under_load,
        "other_cpu_share": other_cpu_share(record.phases),
    }


def shape_of(phases: list[Phase]) -> str | None:
    """Return the ceiling's workers and threads, None when it was not measured."""
    return "×".join(map(str, phases[0]["shape"])) if phases else None


def disturbance(measured: Measurements) -> list[str]:
    """Return a note if other processes used the CPUs during the measurement."""
    worst = max((other_cpu_share(record.phases) or 0.0 for record in measured.records.values()), default=0.0)
    if worst < MAX_OTHER_CPU_SHARE:
        return []
    return [
        f"Other work ran on these CPUs: up to {worst:.0%} of what server and load generator used themselves. "
        "Repeat this on a quiet machine before quoting it."
    ]


def other_cpu_share(phases: list[Phase]) -> float | None:
    """Return the CPU time of other processes per second of CPU time that server and load generator used."""
    known = [phase for phase in phases if "other_cpu_s" in phase]
    own = sum(phase["server_cpu_s"] + phase["client_cpu_s"] for phase in known)
    return sum(phase["other_cpu_s"] for phase in known) / own if own else None
