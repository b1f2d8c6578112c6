"""The tables of the results, as Markdown for the documents and aligned for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = list[str]
DASH = "–"


def number(value: float | None, digits: int = 1) -> str:
    """Format a number; a dash for None."""
    return DASH if value is None else f"{value:.{digits}f}"


def ranged(spread: Mapping[str, float] | None, digits: int = 1) -> str:
    """Format a median, with minimum and maximum where the rounds differ visibly."""
    if spread is None:
        return DASH
    low, median, high = (number(spread[key], digits) for key in ("min", "median", "max"))
    return median if low == high else f"{median} ({low}–{high})"


def percent(spread: Mapping[str, float] | None) -> str:
    """Format a ratio's median as a percentage."""
    return DASH if spread is None else f"{spread['median'] * 100:.0f} %"


def percentiles(load: Mapping[str, Any] | None) -> str:
    """Format `p50 / p95 / p99` in ms."""
    return " / ".join(number(load["latency_ms"][name], 0) for name in ("p50", "p95", "p99")) if load else DASH


def parity_cell(parity: Mapping[str, Any] | None) -> str:
    """Format `matched/expected`, and how many boxes were found where that differs."""
    if not parity:
        return DASH
    extra = "" if parity["found"] == parity["expected"] else f", {parity['found']} found"
    return f"{parity['matched']}/{parity['expected']}{extra}"


def throughput(results: Mapping[str, Any]) -> list[Row]:
    """Return the main table: parity, images per second, ratios."""
    clients = [str(count) for count in results["settings"]["clients"]]
    dashes = [DASH] * (len(clients) - 1)
    rows = [
        ["", "equal boxes", *(f"images/s, {count} cl." for count in clients), "× LitServe+YOLO", "of ceiling", "errors"]
    ]
    for one in results["contestants"].values():
        row = [one["title"], parity_cell(one["parity"])]
        if one["refused"]:
            row += [DASH, *dashes, DASH, DASH, "left out"]
        else:
            row += [ranged(one["closed"].get(count, {}).get("images_per_s")) for count in clients]
            row += [ranged(one["times_baseline"], 2), percent(one["of_ceiling"])]
            row += [str(one["errors"]) + (f", {one['wrong_under_load']} wrong" if one["wrong_under_load"] else "")]
        rows.append(row)
    ceiling = results["ceiling"]
    title = "Ceiling: the same modules in one process, no server"
    rows.append([title, parity_cell(ceiling["parity"]), ranged(ceiling["images_per_s"]), *dashes, DASH, "100 %", "0"])
    at_once = ceiling.get("at_once") or {}
    if at_once.get("images_per_s"):
        title = f"The same, several pictures at once ({at_once['shape']})"
        share = percent(at_once["of_ceiling"])
        rows.append([title, DASH, ranged(at_once["images_per_s"]), *dashes, DASH, share, "0"])
    return rows


def latency(results: Mapping[str, Any]) -> list[Row]:
    """Return the second table: latencies, start-up, memory, CPU time, shape."""
    settings, ceiling = results["settings"], results["ceiling"]
    clients, loads = [str(count) for count in settings["clients"]], [str(load) for load in settings["loads"]]
    columns = [*(f"{count} cl." for count in clients), *(f"open {load} %" for load in loads)]
    rows = [["p50 / p95 / p99 in ms", *columns, "start s", "RSS MB", "CPU ms/image", "workers×threads"]]
    rows += [
        [
            one["title"],
            *(percentiles(one["closed"].get(count)) for count in clients),
            *(percentiles(one["open"].get(load)) for load in loads),
            number((one["startup_s"] or {}).get("median")),
            number(one["memory_mb"].get("rss"), 0),
            number(one["closed"].get(str(settings["compared_at"]), {}).get("server_cpu_ms"), 0),
            one["shape"] or "own default",
        ]
        for one in results["contestants"].values()
        if not one["refused"]
    ]
    rss, dashes = number(ceiling["memory_mb"]["rss"], 0), [DASH] * (len(columns) - 1)
    return [*rows, ["Ceiling", percentiles(ceiling), *dashes, DASH, rss, DASH, ceiling["shape"] or DASH]]


def targets(results: Mapping[str, Any]) -> list[Row]:
    """Return the promises, and whether this run keeps them; nothing if no promise could be measured."""
    rows = []
    for one in results["targets"]:
        measured = one["measured"]
        kept = DASH if measured is None else "yes" if measured["median"] >= one["wanted"] else "no"
        clients = f", {one['clients']} cl." if "clients" in one else ""
        rows.append([f"{one['ours']} ÷ {one['of']}{clients}", f"≥ {one['wanted']:.2f}", ranged(measured, 2), kept])
    return [["promise", "wanted", "measured", "kept"], *rows] if rows else []


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table; the first one is its head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def aligned(rows: Sequence[Row]) -> str:
    """Return rows as text with aligned columns: the first one left, the numbers right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def conditions(results: Mapping[str, Any]) -> str:
    """Return when, where and how it was measured, in one paragraph."""
    machine, settings, drift = results["machine"], results["settings"], results["ceiling"]["drift"]
    text = (
        f"{results['date']}, {machine['processor']} ({machine['cpus_used']} of {machine['cpus']} CPUs; "
        f"{', '.join(machine['instructions']) or 'no wide vectors'}), "
        f"{machine['memory_gb']} GB; {settings['pictures']} pictures, weights {settings['weights']}; "
        f"{settings['rounds']} round(s) of {settings['seconds']:g} s per load; medians of rounds (least–greatest), "
        f"ratios taken round by round at {settings['compared_at']} clients."
    )
    return text if drift is None else f"{text} The ceiling moved by up to {drift * 100:.0f} % within a round."


def render(results: Mapping[str, Any], table: Callable[[Sequence[Row]], str], chart: str | None = None) -> str:
    """Return the whole report; `table` is `markdown` or `aligned`, `chart` the chart's file name."""
    tables = [table(rows) for rows in (throughput(results), latency(results), targets(results)) if rows]
    image = [f"![Images per second and latency of every contestant]({chart})"] if chart else []
    notes = "\n".join(f"- {note}" for note in results["notes"])
    return "\n\n".join([conditions(results), *tables, *image, notes]) + "\n"
