"""The counters of the gateways by version: `routing` and `traffic` of `GET /models`, or of `GET /models/NAME`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from model_names import DEFAULT
from ops.errors import OpsError
from ops.gateways import addresses, api_key

TIMEOUT = httpx.Timeout(10, connect=2)
COUNTS = ("requests", "errors", "rejected", "fallbacks", "errors_with_fallback", "detections")
DIFFERENCES = ("compared", "missing", "extra", "moved", "skipped")


class NoTrafficError(OpsError):
    """A gateway does not report its counters."""


@dataclass(frozen=True)
class Row:
    """A version in a part at a gateway. Counts since `since`; the percentiles (ms) are of the last answers."""

    version: str
    role: str
    since: str
    counts: dict[str, int]
    p50_ms: float | None = None
    p95_ms: float | None = None
    window: int = 0


@dataclass(frozen=True)
class Snapshot:
    """The answer of a gateway. `revision` is that of the routing in force there, None without a routing."""

    gateway: str
    revision: int | None
    rows: list[Row] = field(default_factory=list)

    def row(self, version: str, role: str) -> Row | None:
        """Return the counters of a version in a part."""
        return next((row for row in self.rows if (row.version, row.role) == (version, role)), None)


class Gateways:
    """All gateways of a deployment, each with its own counters of a model.

    Which there are behind a host name is looked up for each reading: one that was restarted may have another address.
    """

    def __init__(
        self,
        urls: Iterable[str],
        transport: httpx.BaseTransport | None = None,
        model: str = DEFAULT,
        resolve: addresses.Resolve = addresses.resolve,
    ) -> None:
        self.model = model
        self.address = "/models" if model == DEFAULT else f"/models/{model}"
        self.urls = list(dict.fromkeys(url.rstrip("/") for url in urls))
        self._resolve = resolve
        self._client = httpx.Client(timeout=TIMEOUT, transport=transport, trust_env=False, headers=api_key.headers())

    def read(self) -> tuple[list[Snapshot], list[str]]:
        """Ask every gateway. Returns the answers, and a message for each gateway without one."""
        seen, problems = [], []
        for url in dict.fromkeys(each for named in self.urls for each in addresses.each(named, self._resolve)):
            try:
                seen.append(self._ask(url))
            except NoTrafficError as error:
                problems.append(str(error))
        return seen, problems

    def _ask(self, url: str) -> Snapshot:
        try:
            answer = self._client.get(f"{url}{self.address}")
            body = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoTrafficError(f"the gateway {url} does not answer ({type(error).__name__})") from error
        except ValueError as error:
            raise NoTrafficError(f"{url} does not answer JSON: is it a gateway?") from error
        if answer.status_code in (401, 403):
            right = "to predict" if self.model == DEFAULT else f"to predict, with the model {self.model}"
            raise NoTrafficError(f"the gateway {url} requires a key with the right {right}. {api_key.HELP}")
        if answer.status_code != 200:
            raise NoTrafficError(f"the gateway {url} answers {answer.status_code} to GET {self.address}")
        try:
            routing = body.get("routing") or {}
            return Snapshot(url, routing.get("revision"), [_row(entry) for entry in body["traffic"]])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NoTrafficError(f"the gateway {url} reports no traffic by version: is it an older release?") from error


def _row(entry: dict[str, Any]) -> Row:
    counts = {name: int(entry.get(name) or 0) for name in (*COUNTS, *DIFFERENCES)}
    if "errors_with_fallback" not in entry:  # an older gateway: as many as there can be
        counts["errors_with_fallback"] = min(counts["errors"], counts["fallbacks"])
    return Row(
        version=str(entry["version"]),
        role=str(entry["role"]),
        since=f"{entry.get('since_revision')} {entry.get('since')}",
        counts=counts,
        p50_ms=entry.get("p50_ms"),
        p95_ms=entry.get("p95_ms"),
        window=int(entry.get("window") or 0),
    )


@dataclass(frozen=True)
class Measured:
    """The requests of a version during some time, at all gateways together."""

    requests: int = 0
    failures: int = 0
    answered: int = 0
    detections: int = 0
    p95_ms: float | None = None

    @property
    def failure_rate(self) -> float:
        """Share of the requests that failed, 0 to 1."""
        return self.failures / self.requests if self.requests else 0.0

    @property
    def found(self) -> float | None:
        """Mean number of detections per answer."""
        return self.detections / self.answered if self.answered else None


#: The counts at the beginning of a step, by gateway, part and version, with the `since` that they are counted from;
#: and an entry for each gateway that has answered.
Baseline = dict[str, dict[str, Any]]


def baseline(seen: Iterable[Snapshot]) -> Baseline:
    """Return the counts to subtract later, as a JSON object."""
    counts_by_row: Baseline = {}
    for gateway in seen:
        counts_by_row[gateway.gateway] = {}
        for row in gateway.rows:
            counts_by_row[f"{gateway.gateway} {row.role} {row.version}"] = {"since": row.since, **row.counts}
    return counts_by_row


def add_missing(before: Baseline, seen: Iterable[Snapshot]) -> Baseline:
    """Add the gateways that did not answer before: they count from their first answer, not from their start."""
    return before | baseline(gateway for gateway in seen if gateway.gateway not in before)


def measure(seen: Iterable[Snapshot], before: Baseline, version: str, role: str) -> Measured:
    """Return the requests of a version since `before`. A gateway that was restarted counts from its start."""
    total = dict.fromkeys(COUNTS, 0)
    weighted, weight = 0.0, 0
    for gateway in seen:
        row = gateway.row(version, role)
        if row is None:
            continue
        start = before.get(f"{gateway.gateway} {role} {version}", {})
        same = start.get("since") == row.since
        grown = {name: row.counts[name] - (int(start.get(name, 0)) if same else 0) for name in COUNTS}
        for name in COUNTS:
            total[name] += max(grown[name], 0)
        if row.p95_ms is not None and grown["requests"] > 0:
            weighted, weight = weighted + row.p95_ms * grown["requests"], weight + grown["requests"]
    # A request that was not sent to it, or that found it not loaded, is a fallback without an error. A timeout is an
    # error without a fallback.
    absent = max(total["fallbacks"] - total["errors_with_fallback"], 0)
    return Measured(
        requests=total["requests"] - total["rejected"] + absent,
        failures=total["errors"] + absent,
        answered=total["requests"] - total["rejected"] - total["errors"],
        detections=total["detections"],
        p95_ms=weighted / weight if weight else None,
    )
