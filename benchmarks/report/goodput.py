"""What clients got under a load: pure functions on the outcomes of their requests.

An outcome is (due in s from the start of the load, duration in ms from the due time, status or kind of error).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.report import stats

Outcome = Sequence[Any]

ANSWERED = "200"
#: The statuses by which a server refuses work that it could do at another time.
REFUSED = ("429", "503")


def summarise(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    """Summarise the outcomes of a load of some seconds.

    `goodput_per_s`: the answers that arrived while the load lasted. `latency_ms`: of all answers. `refusal_ms`: the
    time to a refusal. `errors` counts everything but answers, refusals included, by status or kind.
    """
    answered = [(due, took) for due, took, kind in outcomes if kind == ANSWERED]
    refused = [took for _, took, kind in outcomes if kind in REFUSED]
    errors = Counter(kind for _, _, kind in outcomes if kind != ANSWERED)
    return {
        "requests": len(outcomes),
        "offered_per_s": len(outcomes) / seconds,
        "answered": len(answered),
        "goodput_per_s": sum(due + took / 1000 <= seconds for due, took in answered) / seconds,
        "latency_ms": percentiles([took for _, took in answered]),
        "refused": len(refused),
        "refusal_ms": percentiles(refused),
        "errors": dict(errors),
    }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Return p50 and p99; None without values."""
    return {f"p{share}": stats.percentile(values, share) for share in (50, 99)}


def for_nobody(inferred: int | None, answered: int) -> int | None:
    """Return how many pictures were inferred without an answer that arrived; None when it is unknown."""
    return None if inferred is None else max(0, inferred - answered)


def with_capacity(load: dict[str, Any], capacity: float) -> dict[str, Any]:
    """Return a load's summary with its goodput as a share of what can be had: the capacity, or the offer if less."""
    possible = min(capacity, load.get("offered_per_s", capacity))
    return {**load, "of_possible": load["goodput_per_s"] / possible if possible > 0 else None}
