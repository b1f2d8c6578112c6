"""What this stack promises under overload on two CPUs, and whether a run keeps it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GOODPUT = 0.95
REFUSAL_MS = 100.0
SERVICE_TIMES = 2  # beyond MAX_WAIT_S, for an answer
STEADY_SERVICE_TIMES = 3  # for an answer at 80 % of the capacity, and for the caller with few connections
FAIR_SHARE = 0.45  # of all answers, for one caller of two: half, less what the end of a measurement cuts off
NOBODY = 0.05  # of what was inferred, for clients that leave: those whose pictures were in flight
IN_FLIGHT = 8  # pictures that may be in the model server when a load ends
#: The loads, in percent of the capacity, for which goodput, latency and refusals are promised.
OVERLOADS = ("200", "500", "1000")


@dataclass(frozen=True)
class Promise:
    """One row: what is promised, the bound, what was measured, and whether it was kept (None: not measured)."""

    title: str
    wanted: str
    measured: str
    kept: bool | None


def at_most(title: str, limit: float, value: float | None, unit: str = "ms") -> Promise:
    """Promise that a value stays below a limit. A value that does not exist is not measured."""
    shown = "–" if value is None else f"{value:.0f} {unit}"
    return Promise(title, f"≤ {limit:.0f} {unit}", shown, None if value is None else value <= limit)


def at_least(title: str, limit: float, share: float | None) -> Promise:
    """Promise a share of at least `limit`."""
    shown = "–" if share is None else f"{share:.1%}"
    return Promise(title, f"≥ {limit:.0%}", shown, None if share is None else share >= limit)


def judge(found: Mapping[str, Any], max_wait_s: float) -> list[Promise]:
    """Judge what was measured of this stack: a contestant's entry of the results of `overload.py`."""
    service_ms = found["service_ms"]
    promises = [
        promise for load in OVERLOADS if load in found["loads"] for promise in overload(found, load, max_wait_s)
    ]
    scenes = found.get("scenes", {})
    if steady := scenes.get("steady"):
        limit = STEADY_SERVICE_TIMES * service_ms
        promises.append(at_most("80 % of the capacity: p99 of answers", limit, steady["latency_ms"]["p99"]))
    if leaving := scenes.get("leaving"):
        share = leaving["for_nobody"] / max(1, leaving["inferred"])
        title = f"200 %, clients leave after {leaving['patience_s']:g} s: inferred for nobody"
        promises.append(Promise(title, f"≤ {NOBODY:.0%}", f"{share:.1%}", share <= NOBODY))
    if callers := scenes.get("callers"):
        promises += fairness(callers["many"], callers["few"], STEADY_SERVICE_TIMES * service_ms)
    return promises


def overload(found: Mapping[str, Any], load: str, max_wait_s: float) -> Iterator[Promise]:
    """Judge one load above the capacity."""
    step, title = found["loads"][load], f"{int(load) // 100}× capacity"
    limit_ms, p99_ms = max_wait_s * 1000 + SERVICE_TIMES * found["service_ms"], step["latency_ms"]["p99"]
    yield at_least(f"{title}: goodput, of the best closed-loop rate", GOODPUT, step["of_possible"])
    yield at_most(f"{title}: p99 of answers, MAX_WAIT_S + {SERVICE_TIMES} service times", limit_ms, p99_ms)
    yield at_most(f"{title}: p99 of refusals", REFUSAL_MS, step["refusal_ms"]["p99"])
    yield at_most(f"{title}: inferred for nobody", IN_FLIGHT, step["for_nobody"], "pictures")


def fairness(many: Mapping[str, Any], few: Mapping[str, Any], limit_ms: float) -> Iterator[Promise]:
    """Judge two callers. The one with few connections gets half of the answers, or all that it asks for."""
    answered = many["answered"] + few["answered"]
    share = few["answered"] / answered if answered else None
    got_all = few["answered"] == few["requests"] > 0
    shown = "–" if share is None else f"{share:.1%}{', all it asked for' if got_all else ''}"
    kept = None if share is None else share >= FAIR_SHARE or got_all
    yield Promise("2 of 62 connections: the small caller's share", f"≥ {FAIR_SHARE:.0%} or all", shown, kept)
    yield at_most("2 of 62 connections: the small caller's p99", limit_ms, few["latency_ms"]["p99"])
