"""Traffic of each version in this process: metrics for Prometheus, and rows for GET /models."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from gateway.detection.prediction import Prediction
from gateway.routing.choice import Role, Routing
from gateway.routing.differences import Differences
from gateway.routing.metrics import RoutingMetrics
from model_names import DEFAULT

#: Percentiles and the mean are over so many last answers.
WINDOW = 1000
#: Bounds memory and Prometheus' labels over a long life with many releases; far more than are ever loaded at once.
MOST_ROWS = 64
#: The outcome of a request. ``rejected`` is the picture's or the parameter's fault, ``error`` the server's.
Outcome = Literal["ok", "rejected", "error"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "rejected", "error")


@dataclass(frozen=True, slots=True)
class TrafficRow:
    """One version in one part. Counts are cumulative since ``since``, which is when ``since_revision`` began."""

    version: str
    role: Role
    requests: int
    errors: int
    rejected: int
    fallbacks: int
    #: Of ``fallbacks`` and of ``errors``: requests that this version failed before the default one answered.
    errors_with_fallback: int
    detections: int
    #: Over the last 1000 answers; None before the first.
    p50_ms: float | None
    p95_ms: float | None
    detections_mean: float | None
    window: int
    since_revision: int
    since: str
    #: Of a shadow only.
    compared: int | None = None
    missing: int | None = None
    extra: int | None = None
    moved: int | None = None
    skipped: int | None = None


class VersionTraffic:
    """Counts one version in one part."""

    def __init__(self, model: str, version: str, role: Role, revision: int, metrics: RoutingMetrics) -> None:
        self._model, self.version, self.role = model, version, role
        self._revision = revision
        self._since = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._counts: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
        self._fallbacks = self._errors_with_fallback = self._detections = self._compared = self._skipped = 0
        self._differences = Differences(0, 0, 0)
        self._ms: deque[float] = deque(maxlen=WINDOW)
        self._found: deque[int] = deque(maxlen=WINDOW)
        # Looked up once: a label's lookup takes as long as all the rest of the counting.
        self._metrics = metrics
        self._outcomes = {outcome: metrics.requests.labels(model, version, role, outcome) for outcome in OUTCOMES}
        self._seconds = metrics.seconds.labels(model, version)
        self._objects = metrics.detections.labels(model, version)

    def answered(self, prediction: Prediction, seconds: float | None) -> None:
        """Count an answer; ``seconds`` is None for a cached one, which says nothing about the version's speed."""
        found = len(prediction.detections)
        self._counts["ok"] += 1
        self._detections += found
        self._outcomes["ok"].inc()
        self._objects.inc(found)
        if seconds is not None:
            self._ms.append(seconds * 1000)
            self._found.append(found)
            self._seconds.observe(seconds)

    def failed(self, outcome: Literal["rejected", "error"]) -> None:
        """Count a request that this version did not answer."""
        self._counts[outcome] += 1
        self._outcomes[outcome].inc()
        if outcome == "error" and self.role == "shadow":
            self._metrics.shadow_errors.labels(self._model, self.version).inc()

    def fell_back(self, after_error: bool) -> None:
        """Count a request of this version that the default one answered; ``after_error`` if it failed here first."""
        self._fallbacks += 1
        self._metrics.fallbacks.labels(self._model, self.version).inc()
        if after_error:
            self._errors_with_fallback += 1
            self._metrics.error_fallbacks.labels(self._model, self.version).inc()

    def compared(self, differences: Differences) -> None:
        """Count how a shadowed answer differs from the stable version's."""
        self._compared += 1
        self._differences += differences
        self._metrics.shadow_compared.labels(self._model, self.version).inc()
        self._metrics.shadow_missing.labels(self._model, self.version).inc(differences.missing)
        self._metrics.shadow_extra.labels(self._model, self.version).inc(differences.extra)
        self._metrics.shadow_moved.labels(self._model, self.version).inc(differences.moved)

    def skipped(self) -> None:
        """Count a picture that was not shown to this candidate."""
        self._skipped += 1
        self._metrics.shadow_skipped.labels(self._model, self.version).inc()

    def row(self) -> TrafficRow:
        """Return the numbers as they are now."""
        ordered = sorted(self._ms)
        shadow = self.role == "shadow"
        return TrafficRow(
            version=self.version,
            role=self.role,
            requests=sum(self._counts.values()),
            errors=self._counts["error"],
            rejected=self._counts["rejected"],
            fallbacks=self._fallbacks,
            errors_with_fallback=self._errors_with_fallback,
            detections=self._detections,
            p50_ms=percentile(ordered, 50),
            p95_ms=percentile(ordered, 95),
            detections_mean=round(sum(self._found) / len(self._found), 3) if self._found else None,
            window=len(ordered),
            since_revision=self._revision,
            since=self._since,
            compared=self._compared if shadow else None,
            missing=self._differences.missing if shadow else None,
            extra=self._differences.extra if shadow else None,
            moved=self._differences.moved if shadow else None,
            skipped=self._skipped if shadow else None,
        )


class Traffic:
    """Every version's numbers of one model; a version that gets a new part starts at nothing in it."""

    def __init__(self, metrics: RoutingMetrics, model: str = DEFAULT) -> None:
        self._metrics = metrics
        self._model = model
        self._rows: dict[tuple[str, Role], VersionTraffic] = {}
        self._revision = 0
        self._played: frozenset[tuple[str, Role, str]] = frozenset()

    def begin(self, routing: Routing) -> None:
        """Note the routing that came into force: new parts start counting at zero from its revision on."""
        self._revision = routing.revision
        played = routing.played()
        for version, role, _ in played - self._played:
            self._rows.pop((version, role), None)
            self.of(version, role)
        self._played = played

    def of(self, version: str, role: Role) -> VersionTraffic:
        """Return the counters of a version that is known to exist."""
        found = self._rows.get((version, role))
        if found is None:
            while len(self._rows) >= MOST_ROWS:
                self._forget(*next(iter(self._rows)))
            found = VersionTraffic(self._model, version, role, self._revision, self._metrics)
            self._rows[version, role] = found
        return found

    def _forget(self, version: str, role: Role) -> None:
        del self._rows[version, role]
        self._metrics.forget_part(self._model, version, role, OUTCOMES)
        if not any(version == left for left, _ in self._rows):
            self._metrics.forget_version(self._model, version)

    def forget_all(self) -> None:
        """Say no more of this model in Prometheus: it is no longer served."""
        for version, role in list(self._rows):
            self._forget(version, role)

    def known(self, version: str, role: Role) -> VersionTraffic | None:
        """Return the counters of a version if it has any: what a client calls a version may be none."""
        return self._rows.get((version, role))

    def rows(self) -> Sequence[TrafficRow]:
        """Return every version's numbers, in the order in which they appeared."""
        return [version.row() for version in self._rows.values()]


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile of sorted numbers, rounded to 0.01; None of none."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)], 2)
