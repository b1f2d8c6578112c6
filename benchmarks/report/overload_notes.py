"""The notes to the results of an overload: the method in short, and what a fair reader has to know of this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.results import MAX_OTHER_CPU_SHARE, other_cpu_share

METHOD = (
    "Open loop: requests are due at a constant rate whatever comes back, each over a connection of its own if no other "
    "is free; times count from the due time. Goodput: answers that arrived while the load lasted.",
    "The capacity is the mean of the best closed-loop rates before and after the loads, the service time the p50 with "
    "as many clients as CPUs.",
    "For nobody: pictures that were inferred and whose answer no client received, counted until the server was idle. "
    "Of this stack every request that reached TorchServe counts as inferred.",
)


def gather(contestants: Mapping[str, Any]) -> list[str]:
    """Return the notes on what was measured of the contestants."""
    loads = [
        step
        for one in contestants.values()
        for kind in ("loads", "scenes")
        for step in one.get(kind, {}).values()
        if "client_cpu_s" in step
    ]
    notes = [*METHOD, *generator(loads)]
    notes += [bystanders(load["bystanders"]) for load in loads if load["bystanders"]["idle"]]
    return [*notes, *disturbance(loads)]


def generator(loads: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the load generator used, and how late it was."""
    if not loads:
        return []
    cpu_s, late_ms = (max(load[key] for load in loads) for key in ("client_cpu_s", "late_ms"))
    return [f"The load generator used up to {cpu_s:.1f} s of CPU time for a load and was up to {late_ms:.0f} ms late."]


def bystanders(seen: Mapping[str, Any]) -> str:
    """Return what became of idle connections and slow senders."""
    ended = ", ".join(f"{kind} {count}" for kind, count in sorted(seen["slow_ended"].items())) or "none cut off"
    return (
        f"Of {seen['idle']} idle connections {seen['idle_opened']} were opened and {seen['idle_open_after']} were open "
        f"after the load; {seen['slow']} slow senders: {ended}."
    )


def disturbance(loads: list[dict[str, Any]]) -> list[str]:
    """Return a note if other processes used the CPUs during the loads."""
    share = other_cpu_share(loads)
    if share is None or share < MAX_OTHER_CPU_SHARE:
        return []
    return [
        f"Other work ran on these CPUs: {share:.0%} of what servers and load generator used themselves. Repeat this on "
        "a quiet machine before quoting it."
    ]
