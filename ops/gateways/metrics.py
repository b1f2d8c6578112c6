"""The gateway's `GET /metrics`, and what some time of it shows: rates and percentiles, as Prometheus computes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from ops.errors import OpsError
from ops.gateways import api_key

TIMEOUT = httpx.Timeout(3, connect=2)
#: Only these are read: the rest may be thousands of lines.
READ = (
    "gateway_admission_",
    "gateway_cache_total",
    "gateway_model_request",
    "gateway_rate_limited_total",
    "gateway_requests_",
    "gateway_version_",
)

#: A series: its name and its labels in order.
Series = tuple[str, tuple[tuple[str, str], ...]]


class NoMetricsError(OpsError):
    """The gateway does not answer with its metrics; the message says why."""


@dataclass(frozen=True)
class Scrape:
    """The values of all series at one moment, in seconds on any clock."""

    at: float
    values: Mapping[Series, float] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the series of this name that have these labels."""
        return sum(value for series, value in self.values.items() if _is_of(series, name, labels))


def parse(text: str, at: float) -> Scrape:
    """Read Prometheus' text format. Raises NoMetricsError for another text."""
    lines = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(READ))
    try:
        families = list(text_string_to_metric_families(lines))
    except ValueError as error:
        raise NoMetricsError(f"GET /metrics has no metrics ({error}). Is another program on that port?") from error
    return Scrape(
        at,
        {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples},
    )


def read(client: httpx.Client, url: str, at: float) -> Scrape:
    """Ask the gateway at `url`. Raises NoMetricsError."""
    try:
        answer = client.get(f"{url}/metrics", headers=api_key.headers(), timeout=TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoMetricsError(f"the gateway does not answer ({type(error).__name__})") from error
    if answer.status_code in (401, 403):
        raise NoMetricsError(f"metrics require a key with the scope admin, or METRICS_PUBLIC=true. {api_key.HELP}")
    if answer.status_code != 200:
        raise NoMetricsError(f"the gateway answers {answer.status_code} to GET /metrics")
    return parse(answer.text, at)


@dataclass(frozen=True)
class Span:
    """What happened between two scrapes."""

    before: Scrape
    after: Scrape

    @property
    def seconds(self) -> float:
        """The time between them."""
        return self.after.at - self.before.at

    def increase(self, name: str, **labels: str) -> float:
        """Return by how much the counters grew. One that is smaller than before began again at 0."""
        return sum(
            self._growth(series, value) for series, value in self.after.values.items() if _is_of(series, name, labels)
        )

    def rate(self, name: str, **labels: str) -> float:
        """Return the increase per second."""
        return self.increase(name, **labels) / self.seconds if self.seconds > 0 else 0.0

    def quantile(self, share: float, name: str, **labels: str) -> float | None:
        """Return a percentile of a histogram, None without observations. Within a bucket it is interpolated."""
        counts: dict[float, float] = defaultdict(float)
        for series, value in self.after.values.items():
            if _is_of(series, f"{name}_bucket", labels):
                counts[float(dict(series[1])["le"])] += self._growth(series, value)
        bounds = sorted(counts)
        if not bounds or not (total := counts[bounds[-1]]):
            return None
        below, low = 0.0, 0.0
        for bound in bounds:
            if counts[bound] >= share * total:
                if bound == float("inf"):
                    return low
                return low + (bound - low) * (share * total - below) / (counts[bound] - below)
            below, low = counts[bound], bound
        return None

    def _growth(self, series: Series, value: float) -> float:
        before = self.before.values.get(series, 0.0)
        return value - before if value >= before else value


def _is_of(series: Series, name: str, labels: Mapping[str, str]) -> bool:
    return series[0] == name and labels.items() <= dict(series[1]).items()
