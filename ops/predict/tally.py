"""The counts of a run, and the summary at its end."""

from __future__ import annotations

import statistics
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from ops.predict.client import Reply

# How many latencies are kept for the percentiles: a camera may be watched for weeks.
KEPT = 100_000
SHOWN_CLASSES = 12


@dataclass
class Tally:
    """Counts of one run; times in seconds."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    detections: Counter[str] = field(default_factory=Counter)
    #: Whether the detections are known: annotated pictures do not carry them.
    counted: bool = True
    started: float = field(default_factory=time.monotonic)
    took: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, reply: Reply) -> None:
        """Count an answer."""
        self.done += 1
        self.took.append(reply.seconds)
        self.counted = self.counted and reply.picture is None
        self.detections.update(found["class"] for found in reply.body.get("detections", ()))

    @property
    def through(self) -> int:
        """Pictures that are answered or failed."""
        return self.done + self.failed

    @property
    def rate(self) -> float:
        """Answered pictures per second since the start."""
        return self.done / max(time.monotonic() - self.started, 1e-9)

    def lines(self, waited: int = 0) -> list[str]:
        """Return the summary."""
        pictures = [f"{self.done} done", f"{self.failed} failed" if self.failed else ""]
        pictures.append(f"{self.skipped} were there already" if self.skipped else "")
        lines = [f"  pictures    {', '.join(filter(None, pictures))}"]
        if self.counted and self.done:
            common = [f"{name} {count}" for name, count in self.detections.most_common(SHOWN_CLASSES)]
            more = len(self.detections) - SHOWN_CLASSES
            common += [f"and {more} more classes"] if more > 0 else []
            lines.append(f"  detections  {self.detections.total()}{': ' if common else ''}{', '.join(common)}")
        if self.took:
            p50, p95 = percentiles(list(self.took))
            lines.append(f"  speed       {self.rate:.1f} images/s, p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")
        if waited:
            lines.append(f"  waited      {waited} times, because the gateway was busy or away")
        return lines


def percentiles(values: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile of at least one value."""
    if len(values) == 1:
        return values[0], values[0]
    return statistics.median(values), statistics.quantiles(values, n=20, method="inclusive")[-1]
