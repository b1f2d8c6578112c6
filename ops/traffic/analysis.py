"""Judge a step of a canary: is it as good as the stable version, by what the gateways counted? Pure functions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ops.errors import UsageError
from ops.store.routing import percent

if TYPE_CHECKING:  # the command line reads the defaults where httpx is not installed
    from ops.gateways.counters import Measured

Verdict = Literal["good", "bad", "wait"]
# Percentages of a canary that goes up automatically; 100 promotes it.
STEPS = (5, 25, 50, 100)
# With so many failures a bad rate is judged at once, before there are enough requests.
FAILURES_AT_ONCE = 5
# Differences that are too small to matter, whatever their ratio: milliseconds, and detections per answer.
SLACK_MS = 25.0
SLACK_FOUND = 0.1


@dataclass(frozen=True)
class Bounds:
    """How far the canary may be from the stable version, and on how many requests that is judged.

    `errors`: percentage points more failures; `p95`: times its 95th percentile; `detections`: percent more or fewer on
    average; `requests`: minimum of each version in a step; `hold_s`: minimum duration of a step; `deadline_s`: a step
    that cannot be judged by then ends in an abort. Times in seconds.
    """

    errors: float = 1.0
    p95: float = 1.5
    detections: float = 25.0
    requests: int = 100
    hold_s: float = 60.0
    deadline_s: float = 3600.0

    def check(self) -> Bounds:
        """Return the bounds if they are valid. Raises UsageError."""
        if not 0 <= self.errors <= 100 or not 1 <= self.p95 <= 100 or not 0 < self.detections <= 1000:
            raise UsageError(
                "--max-errors is 0 to 100 (points), --max-p95 1 to 100 (times), --max-detections 1 to 1000 (%)"
            )
        if not 1 <= self.requests <= 10_000_000 or not 0 <= self.hold_s <= self.deadline_s <= 30 * 86400:
            raise UsageError("--min-requests is at least 1, and 0 <= --hold <= --deadline (seconds)")
        return self


def steps(text: str) -> list[float]:
    """Parse steps such as `5,25,50,100`. Raises UsageError."""
    read = [percent(word.strip()) for word in text.split(",")]
    if not read or read[0] <= 0 or any(later <= earlier for earlier, later in itertools.pairwise(read)):
        raise UsageError(f"--steps {text}: rising percentages, e.g. 5,25,50,100; 100 promotes")
    return read


def judge(canary: Measured, stable: Measured, bounds: Bounds) -> tuple[Verdict, str]:
    """Return the verdict on what both did in this step so far, and why."""
    excess = 100 * (canary.failure_rate - stable.failure_rate)
    failing = (
        f"{canary.failures} of {canary.requests} requests failed, "
        f"of the stable version's {stable.failures} of {stable.requests}"
    )
    if excess > bounds.errors and canary.failures >= FAILURES_AT_ONCE:
        return "bad", f"{failing} ({bounds.errors:g} points more are allowed)"
    if min(canary.requests, stable.requests) < bounds.requests:
        return "wait", f"{canary.requests} and {stable.requests} of {bounds.requests} requests"
    if excess > bounds.errors:
        return "bad", f"{failing} ({bounds.errors:g} points more are allowed)"
    if canary.p95_ms is None or stable.p95_ms is None:
        return "wait", "no times yet"
    if canary.p95_ms > bounds.p95 * stable.p95_ms + SLACK_MS:
        return "bad", (
            f"p95 {canary.p95_ms:.0f} ms, the stable version's {stable.p95_ms:.0f} ms ({bounds.p95:g} times is allowed)"
        )
    found, expected = canary.found or 0.0, stable.found or 0.0
    if abs(found - expected) > bounds.detections / 100 * expected + SLACK_FOUND:
        return "bad", (
            f"{found:.2f} detections on average, the stable version's {expected:.2f} "
            f"({bounds.detections:g} % more or fewer are allowed)"
        )
    return "good", (
        f"{canary.requests} requests, {canary.failures} failed, "
        f"p95 {canary.p95_ms:.0f} ms (stable {stable.p95_ms:.0f}), {found:.2f} detections (stable {expected:.2f})"
    )
