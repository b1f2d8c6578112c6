"""The tables of an overload: every contestant at every load, this stack's scenes, and its promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.report.overload_promises import Promise
from benchmarks.report.tables import DASH, Row, number

SCENES = {
    "steady": "80 % of the capacity",
    "leaving": "200 %, clients leave early and say so",
    "many": "60 connections of one caller",
    "few": "2 connections of another, at the same time",
    "bystanders": "80 %, among idle and slow connections",
    "closed_4": "4 clients that wait for their answers",
    "closed_16": "16 clients that wait for their answers",
}


def pair(values: Mapping[str, float | None] | None) -> str:
    """Format `p50 / p99` in ms."""
    if not values or values["p50"] is None:
        return DASH
    return f"{number(values['p50'], 0)} / {number(values['p99'], 0)}"


def errors(counts: Mapping[str, int]) -> str:
    """Format the errors by kind."""
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "0"


def nobody(step: Mapping[str, Any]) -> str:
    """Format how many pictures were inferred for nobody, as far as they were when the counting ended."""
    if step.get("for_nobody") is None:
        return DASH
    return f"{'' if step.get('settled', True) else '≥ '}{step['for_nobody']}"


HEAD = [
    "offered/s",
    "goodput/s",
    "of possible",
    "answered: p50 / p99 ms",
    "refused: p50 / p99 ms",
    "errors",
    "for nobody",
]


def cells(step: Mapping[str, Any]) -> Row:
    """Return the cells of one load below HEAD."""
    share = step.get("of_possible")
    return [
        number(step.get("offered_per_s")), number(step["goodput_per_s"]),
        DASH if share is None else f"{share:.0%}", pair(step["latency_ms"]), pair(step.get("refusal_ms")),
        errors(step["errors"]), nobody(step),
    ]  # fmt: skip


def loads(results: Mapping[str, Any]) -> list[Row]:
    """Return every contestant at every load."""
    rows = [["", "load", *HEAD, "busy after, s"]]
    for one in results["contestants"].values():
        if one["refused"]:
            rows.append([one["title"], "left out", *[DASH] * (len(HEAD) + 1)])
            continue
        for load, step in one["loads"].items():
            busy = f"{'' if step['settled'] else '> '}{number(step['busy_after_s'])}"
            rows.append([one["title"], f"{int(load) / 100:g}×", *cells(step), busy])
    return rows


def capacities(results: Mapping[str, Any]) -> list[Row]:
    """Return each contestant's capacity, before and after its loads, and its service time."""
    rows = [["", "capacity/s before", "after", "clients", "service time ms", "workers×threads"]]
    for one in results["contestants"].values():
        if not one["refused"]:
            capacity = one["capacity"]
            rows.append([
                one["title"], number(capacity["before"]), number(capacity["after"]), str(capacity["clients"]),
                number(one["service_ms"], 0), one["shape"] or "own default",
            ])  # fmt: skip
    return rows


def scenes(results: Mapping[str, Any]) -> list[Row]:
    """Return this stack's scenes; nothing when none were measured."""
    rows = []
    for one in results["contestants"].values():
        found = {**one.get("scenes", {}), **one.get("scenes", {}).get("callers", {})}
        rows += [[title, *cells(found[name])] for name, title in SCENES.items() if name in found]
    return [["this stack alone", *HEAD], *rows] if rows else []


def promises(found: Sequence[Promise]) -> list[Row]:
    """Return the promises and whether they are kept; nothing without any."""
    kept = {True: "yes", False: "no", None: DASH}
    rows = [[one.title, one.wanted, one.measured, kept[one.kept]] for one in found]
    return [["promise", "wanted", "measured", "kept"], *rows] if rows else []


def conditions(results: Mapping[str, Any]) -> str:
    """Return when, where and how it was measured."""
    machine, settings = results["machine"], results["settings"]
    return (
        f"{results['date']}, {machine['processor']} ({machine['cpus_used']} of {machine['cpus']} CPUs; "
        f"{', '.join(machine['instructions']) or 'no wide vectors'}); {settings['pictures']} pictures, weights "
        f"{settings['weights']}; {settings['seconds']:g} s per load, clients leave after {settings['patience_s']:g} s, "
        f"MAX_WAIT_S={settings['max_wait_s']:g}."
    )


def render(
    results: Mapping[str, Any], judged: Sequence[Promise], table: Callable[[Sequence[Row]], str],
    chart: str | None = None,
) -> str:  # fmt: skip
    """Return the whole report; `table` is `markdown` or `aligned`, `chart` the chart's file name."""
    tables = (capacities(results), loads(results), scenes(results), promises(judged))
    image = [f"![Goodput and p99 of every contestant over its load]({chart})"] if chart else []
    notes = "\n".join(f"- {note}" for note in results["notes"])
    return "\n\n".join([conditions(results), *(table(rows) for rows in tables if rows), *image, notes]) + "\n"
