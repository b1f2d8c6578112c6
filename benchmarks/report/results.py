"""From what was measured to what is published: one plain dictionary, the content of latest.json."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks.contestants.roster import BASELINE
from benchmarks.race import Race, Record
from benchmarks.report import machine, stats

FORMAT = 1
COMPARED_AT = 4  # clients
DISTURBED = 0.15  # of the CPU time used by server and load generator

#: What this project promises on two CPUs: our contestant, the one it is compared with, the least ratio.
TARGETS = (
    ("stack_gateway", "litserve_yolo", 2.0),
    ("stack_gateway", "litserve_default", 2.0),
    ("stack_int8_gateway", "litserve_yolo", 3.2),
    ("stack_int8_gateway", "litserve_default", 3.2),
    ("stack_gateway", "litserve_openvino", 1.15),
    ("stack_gateway", "litserve_openvino_dynamic", 1.15),
    ("stack_gateway", "litserve_openvino_f32", 1.15),
    ("stack_auto_gateway", "litserve_openvino", 1.15),
    ("stack_auto_gateway", "litserve_openvino_dynamic", 1.15),
    ("stack_int8_gateway", "litserve_openvino_dynamic", 1.15),
    ("stack_gateway", "ceiling", 0.95),
)


def assemble(race: Race, settings: dict[str, Any], notes: list[str], client: dict[str, Any]) -> dict[str, Any]:
    """Return the results of a race."""
    before = [stats.rate(first) for first, _ in race.ceiling]
    after = [stats.rate(last) for _, last in race.ceiling]
    means = [(first + last) / 2 for first, last in zip(before, after, strict=True)]
    phases = [phase for pair in race.ceiling for phase in pair]
    rates = {"ceiling": means, **{name: compared_rates(race, record) for name, record in race.records.items()}}
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": machine.commit(),
        "machine": machine.describe(race.meter.cpus),
        "versions": machine.versions(),
        "settings": {**settings, **asdict(race.plan), "compared_at": compared_at(race)},
        "notes": [*notes, *disturbed(race)],
        "client": client,
        "ceiling": {
            **stats.summary(phases),
            "before": before,
            "after": after,
            "drift": stats.drift(before, after),
            "engine": phases[0].get("engine") if phases else None,
            "shape": "×".join(map(str, phases[0]["shape"])) if phases else None,
            "memory_mb": {"rss": max((phase["rss"] for phase in phases), default=None)},
            "parity": phases[0]["parity"] if phases else None,
            "at_once": {
                **stats.summary(race.at_once),
                "shape": "×".join(map(str, race.at_once[0]["shape"])) if race.at_once else None,
                "of_ceiling": stats.ratio([stats.rate(phase) for phase in race.at_once], means),
            },
        },
        "contestants": {
            one.name: contestant(one.title, race.records[one.name], rates, one.name) for one in race.contestants
        },
        "targets": [
            {"ours": ours, "of": other, "wanted": wanted, "measured": stats.ratio(rates[ours], rates[other])}
            for ours, other, wanted in TARGETS
            if rates.get(ours) and rates.get(other)
        ],
    }


def compared_at(race: Race) -> int:
    """Return the number of clients at which contestants are compared: four, or what was measured nearest to it."""
    return min(race.plan.clients, key=lambda clients: abs(clients - COMPARED_AT))


def compared_rates(race: Race, record: Record) -> list[float]:
    """Return a contestant's images per second, round by round, at the number of clients that is compared."""
    return [stats.rate(phase) for phase in record.closed.get(compared_at(race), [])]


def contestant(title: str, record: Record, rates: dict[str, list[float]], name: str) -> dict[str, Any]:
    """Return what is published of one contestant."""
    every = phases_of(record)
    memory = {kind: max(one[kind] for one in record.memory) for kind in (record.memory[0] if record.memory else {})}
    return {
        "title": title,
        "shape": record.shape or None,
        "refused": record.refused or None,
        "parity": asdict(record.parity) | {"exact": record.parity.exact} if record.parity else None,
        "startup_s": stats.spread(record.startup_s),
        "memory_mb": memory,
        "closed": {str(clients): stats.summary(phases) for clients, phases in record.closed.items()},
        "open": {str(load): stats.summary(phases) for load, phases in record.open.items()},
        "errors": sum(sum(phase["errors"].values()) for phase in every),
        "wrong_under_load": record.wrong_under_load,
        "other_cpu_share": other_share(every),
        "times_baseline": stats.ratio(rates[name], rates.get(BASELINE, [])),
        "of_ceiling": stats.ratio(rates[name], rates["ceiling"]),
    }


def disturbed(race: Race) -> list[str]:
    """Return a note when others used the CPUs while it was measured."""
    shares = [other_share(phases_of(record)) or 0.0 for record in race.records.values()]
    worst = max(shares, default=0.0)
    if worst < DISTURBED:
        return []
    return [
        f"Other work ran on these CPUs: up to {worst:.0%} of what server and load generator used themselves. "
        "Repeat this on a quiet machine before quoting it."
    ]


def phases_of(record: Record) -> list[dict[str, Any]]:
    """Return all phases of a contestant."""
    return [phase for phases in [*record.closed.values(), *record.open.values()] for phase in phases]


def other_share(phases: list[dict[str, Any]]) -> float | None:
    """Return the CPU time that others used, for each second of CPU time that server and load generator used."""
    known = [phase for phase in phases if "other_cpu_s" in phase]
    own = sum(phase["server_cpu_s"] + phase["client_cpu_s"] for phase in known)
    return sum(phase["other_cpu_s"] for phase in known) / own if own else None
