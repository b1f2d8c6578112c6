"""What a load has measured so far: counts, latencies, and the figures of the last seconds."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

#: The figures of the live view are of so many seconds.
RECENT_S = 5.0


@dataclass(frozen=True)
class Figures:
    """Rates in requests per second, latencies in milliseconds (None without an answer)."""

    asked: float
    reached: float
    p50_ms: float | None
    p99_ms: float | None


@dataclass
class Record:
    """Counts of one run. All times are seconds on the same clock; `began` is the first due time.

    `waiting` requests are due and have no connection yet, `in_flight` ones are sent. `answered` counts the answers with
    detections (status 200), `statuses` all answers by status and error code, `failures` the requests without an answer.
    `retry_after` are the values of that header, as they were sent.
    """

    began: float
    planned: int = 0
    waiting: int = 0
    in_flight: int = 0
    answered: int = 0
    cached: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    retry_after: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    _started: deque[float] = field(default_factory=deque)
    _last: float = 0.0
    _recent: deque[tuple[float, float]] = field(default_factory=deque)

    def plan(self, now: float) -> None:
        """Count a request that was due."""
        self.planned += 1
        self._started.append(now)
        self._last = now

    def answer(self, now: float, due: float, version: str, *, cached: bool = False) -> None:
        """Count detections that came from a version, such as `yolo 1.0`."""
        self.answered += 1
        self.cached += cached
        self.statuses["200"] += 1
        self.versions[version] += 1
        self.latencies_s.append(now - due)
        self._recent.append((now, now - due))

    def refuse(self, status: str, retry_after: str | None) -> None:
        """Count an answer without detections. `status` holds the error code too, such as `503 overloaded`."""
        self.statuses[status] += 1
        if retry_after is not None:
            self.retry_after[retry_after] += 1

    def fail(self, kind: str) -> None:
        """Count a request that got no answer."""
        self.failures[kind] += 1

    def recent(self, now: float) -> Figures:
        """Return the figures of the last seconds."""
        since = max(now - RECENT_S, self.began)
        while self._started and self._started[0] < since:
            self._started.popleft()
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        return figures(len(self._started), [latency for _, latency in self._recent], now - since)

    def whole(self, now: float) -> Figures:
        """Return the figures of the run until now. Nothing is asked any more while the last answers are waited for."""
        whole = figures(self.planned, self.latencies_s, now - self.began)
        if self._last <= self.began:
            return whole
        return replace(whole, asked=(self.planned - 1) / (self._last - self.began))


def figures(planned: int, latencies_s: Sequence[float], seconds: float) -> Figures:
    """Return rates and percentiles of so many seconds."""
    span, ordered = max(seconds, 1e-9), sorted(latencies_s)
    return Figures(planned / span, len(ordered) / span, _ms(ordered, 0.5), _ms(ordered, 0.99))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the ordered values that `share` of them do not exceed (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _ms(ordered: Sequence[float], share: float) -> float | None:
    return percentile(ordered, share) * 1000 if ordered else None


def seconds_asked(values: Iterable[str]) -> str:
    """Return the Retry-After values as text: their range in seconds, or themselves if they are dates."""
    numbers = sorted(int(value) for value in values if value.isascii() and value.isdigit())
    if not numbers:
        return ", ".join(sorted(set(values)))
    return f"{numbers[0]} s" if numbers[0] == numbers[-1] else f"{numbers[0]} to {numbers[-1]} s"
