"""What is computed from what was measured: pure functions on lists of numbers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the percentile `share` (0..100), interpolated linearly between neighbours; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def rate(phase: Mapping[str, Any]) -> float:
    """Return the images per second of one measured phase."""
    return len(phase["latencies_ms"]) / phase["window_s"] if phase["window_s"] > 0 else 0.0


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return median, least and greatest of several rounds' values; None of nothing."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary(phases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise the rounds of one contestant at one load.

    Images per second: the median of the rounds, with the least and the greatest. Latencies: percentiles of all rounds'
    answers together. Errors: the sum. CPU time per image, in ms: of the server's process tree, of the load generator.
    """
    latencies = [latency for phase in phases for latency in phase["latencies_ms"]]
    errors: dict[str, int] = {}
    for phase in phases:
        for kind, number in phase["errors"].items():
            errors[kind] = errors.get(kind, 0) + number
    answered = sum(phase.get("answered", 0) for phase in phases)
    return {
        "images_per_s": spread([rate(phase) for phase in phases]),
        "latency_ms": {f"p{share}": percentile(latencies, share) for share in PERCENTILES},
        "images": len(latencies),
        "errors": errors,
        "server_cpu_ms": per_image([phase.get("server_cpu_s") for phase in phases], answered),
        "client_cpu_ms": per_image([phase.get("client_cpu_s") for phase in phases], answered),
        "late_ms": max((phase.get("late_ms") or 0.0 for phase in phases), default=0.0),
        "offered_per_s": spread([phase["offered_per_s"] for phase in phases if phase.get("offered_per_s")]),
    }


def per_image(seconds: Sequence[float | None], images: int) -> float | None:
    """Return milliseconds per image, None where nothing was measured."""
    known = [value for value in seconds if value is not None]
    return sum(known) * 1000 / images if known and images else None


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float] | None:
    """Return ours ÷ theirs: the median over the rounds in which both were measured, with the least and the greatest.

    Round by round, because neighbours in time share the machine's mood; medians of different minutes do not.
    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=False) if other > 0])


def drift(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return how far the ceiling moved within a round, at worst, as a share of its start (0.05: five percent)."""
    return max((abs(end / start - 1) for start, end in zip(before, after, strict=False) if start > 0), default=None)


def capacity(rates: Sequence[float]) -> float | None:
    """Return the images per second that a contestant can sustain: the best of its closed loops."""
    return max(rates, default=None)
