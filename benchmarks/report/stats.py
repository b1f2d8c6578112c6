"""Statistics of phases: pure functions on lists of numbers."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return a percentile (0..100), interpolated linearly between neighbours; None without values."""
    return float(np.percentile(values, share)) if values else None


def rate(phase: Mapping[str, Any]) -> float:
    """Return the images per second of a phase."""
    return len(phase["latencies_ms"]) / phase["window_s"] if phase["window_s"] > 0 else 0.0


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return median, minimum and maximum of the rounds' values; None without values."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)} if values else None


def summarise(phases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise the rounds of one contestant at one load.

    Images per second: the spread of the rounds. Latencies: percentiles of all rounds' answers together. Errors: the
    sum. CPU time per image, in ms: of the server's process trees, and of the load generator.
    """
    latencies = [latency for phase in phases for latency in phase["latencies_ms"]]
    errors: Counter[str] = Counter()
    for phase in phases:
        errors.update(phase["errors"])
    return {
        "images_per_s": spread([rate(phase) for phase in phases]),
        "latency_ms": {f"p{share}": percentile(latencies, share) for share in PERCENTILES},
        "images": len(latencies),
        "errors": dict(errors),
        "server_cpu_ms": cpu_ms_per_image(phases, "server_cpu_s"),
        "client_cpu_ms": cpu_ms_per_image(phases, "client_cpu_s"),
        "late_ms": max((phase.get("late_ms") or 0.0 for phase in phases), default=0.0),
        "offered_per_s": spread([phase["offered_per_s"] for phase in phases if phase.get("offered_per_s")]),
    }


def cpu_ms_per_image(phases: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """Return the CPU time per answered image, in ms; None where it was not measured."""
    seconds = [phase[key] for phase in phases if phase.get(key) is not None]
    answered = sum(phase.get("answered", 0) for phase in phases)
    return sum(seconds) * 1000 / answered if seconds and answered else None


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float] | None:
    """Return the spread of ours ÷ theirs, taken in each round in which both were measured.

    Phases of one round see the same state of the machine; medians over different minutes do not.
    """
    return spread([one / other for one, other in zip(ours, theirs, strict=False) if other > 0])


def drift(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return how far the ceiling moved within a round at most, as a share of its start (0.05: five percent)."""
    return max((abs(end / start - 1) for start, end in zip(before, after, strict=False) if start > 0), default=None)
