"""The tables: rows of text from the results, as Markdown for the documents and aligned for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = list[str]
DASH = "–"


def number(value: float | None, digits: int = 1) -> str:
    """Return a number for a table; a dash for none."""
    return DASH if value is None else f"{value:.{digits}f}"


def ranged(spread: Mapping[str, float] | None, digits: int = 1) -> str:
    """Return a median, with least and greatest where the rounds differ visibly."""
    if spread is None:
        return DASH
    low, high = number(spread["min"], digits), number(spread["max"], digits)
    median = number(spread["median"], digits)
    return median if low == high else f"{median} ({low}–{high})"


def percentiles(load: Mapping[str, Any] | None) -> str:
    """Return `p50 / p95 / p99` in ms."""
    if not load:
        return DASH
    return " / ".join(number(load["latency_ms"][name], 0) for name in ("p50", "p95", "p99"))


def parity_cell(parity: Mapping[str, Any] | None) -> str:
    """Return `matched/expected`, and how many boxes were found where that differs."""
    if not parity:
        return DASH
    extra = "" if parity["found"] == parity["expected"] else f", {parity['found']} found"
    return f"{parity['matched']}/{parity['expected']}{extra}"


def throughput(results: Mapping[str, Any]) -> list[Row]:
    """Return the main table: parity, images per second, ratios."""
    clients = [str(one) for one in results["settings"]["clients"]]
    head = ["", "equal boxes", *(f"images/s, {one} cl." for one in clients), "× LitServe+YOLO", "of ceiling", "errors"]
    rows = [head]
    for one in results["contestants"].values():
        if one["refused"]:
            rows.append([one["title"], parity_cell(one["parity"]), *[DASH] * len(clients), DASH, DASH, "left out"])
            continue
        errors = str(one["errors"]) + (f", {one['wrong_under_load']} wrong" if one["wrong_under_load"] else "")
        rows.append(
            [
                one["title"],
                parity_cell(one["parity"]),
                *(ranged(one["closed"].get(number_, {}).get("images_per_s")) for number_ in clients),
                ranged(one["times_baseline"], 2),
                share(one["of_ceiling"]),
                errors,
            ]
        )
    ceiling = results["ceiling"]
    rows.append(
        [
            "Ceiling: the same modules in one process, no server",
            parity_cell(ceiling["parity"]),
            ranged(ceiling["images_per_s"]),
            *[DASH] * (len(clients) - 1),
            DASH,
            "100 %",
            "0",
        ]
    )
    at_once = ceiling.get("at_once") or {}
    if at_once.get("images_per_s"):
        rows.append(
            [
                f"The same, several pictures at once ({at_once['shape']})",
                DASH,
                ranged(at_once["images_per_s"]),
                *[DASH] * (len(clients) - 1),
                DASH,
                share(at_once["of_ceiling"]),
                "0",
            ]
        )
    return rows


def share(spread: Mapping[str, float] | None) -> str:
    """Return a ratio's median as percent."""
    return DASH if spread is None else f"{spread['median'] * 100:.0f} %"


def latency(results: Mapping[str, Any]) -> list[Row]:
    """Return the second table: latencies, start-up, memory, CPU time, shape."""
    clients = [str(one) for one in results["settings"]["clients"]]
    loads = [str(one) for one in results["settings"]["loads"]]
    head = [
        "p50 / p95 / p99 in ms",
        *(f"{one} cl." for one in clients),
        *(f"open {one} %" for one in loads),
        "start s",
        "RSS MB",
        "CPU ms/image",
        "workers×threads",
    ]
    rows = [head]
    compared = str(results["settings"]["compared_at"])
    for one in results["contestants"].values():
        if one["refused"]:
            continue
        rows.append(
            [
                one["title"],
                *(percentiles(one["closed"].get(number_)) for number_ in clients),
                *(percentiles(one["open"].get(load)) for load in loads),
                number((one["startup_s"] or {}).get("median")),
                number(one["memory_mb"].get("rss"), 0),
                number(one["closed"].get(compared, {}).get("server_cpu_ms"), 0),
                one["shape"] or "own default",
            ]
        )
    ceiling = results["ceiling"]
    rows.append(
        [
            "Ceiling",
            percentiles(ceiling),
            *[DASH] * (len(clients) - 1 + len(loads) + 1),
            number(ceiling["memory_mb"]["rss"], 0),
            DASH,
            ceiling["shape"] or DASH,
        ]
    )
    return rows


def targets(results: Mapping[str, Any]) -> list[Row]:
    """Return the promises and whether this run keeps them."""
    rows = [["promise", "wanted", "measured", "kept"]]
    for one in results["targets"]:
        measured = one["measured"]
        kept = DASH if measured is None else "yes" if measured["median"] >= one["wanted"] else "no"
        rows.append([f"{one['ours']} ÷ {one['of']}", f"≥ {one['wanted']:.2f}", ranged(measured, 2), kept])
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, the first one its head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def aligned(rows: Sequence[Row]) -> str:
    """Return rows as text with aligned columns: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([first, *rest]).rstrip())
    lines.insert(1, "─" * len(max(lines, key=len)))
    return "\n".join(lines)


def sentence(results: Mapping[str, Any]) -> str:
    """Return when, where and how it was measured, in one paragraph."""
    machine, settings, ceiling = results["machine"], results["settings"], results["ceiling"]
    instructions = ", ".join(machine["instructions"]) or "no wide vectors"
    drift = (
        ""
        if ceiling["drift"] is None
        else f" The ceiling moved by up to {ceiling['drift'] * 100:.0f} % within a round."
    )
    return (
        f"{results['date']}, {machine['processor']} ({machine['cpus_used']} of {machine['cpus']} CPUs; "
        f"{instructions}), "
        f"{machine['memory_gb']} GB; {settings['pictures']} pictures, weights {settings['weights']}; "
        f"{settings['rounds']} round(s) of {settings['seconds']:g} s per load; medians of rounds (least–greatest), "
        f"ratios taken round by round at {settings['compared_at']} clients.{drift}"
    )


def document(results: Mapping[str, Any], chart: str | None) -> str:
    """Return the whole Markdown file."""
    parts = [sentence(results), markdown(throughput(results)), markdown(latency(results))]
    if len(targets(results)) > 1:
        parts.append(markdown(targets(results)))
    if chart:
        parts.append(f"![Images per second and latency of every contestant]({chart})")
    parts.append("\n".join(f"- {note}" for note in results["notes"]))
    return "\n\n".join(parts) + "\n"


def terminal(results: Mapping[str, Any]) -> str:
    """Return everything for the terminal."""
    parts = [sentence(results), aligned(throughput(results)), aligned(latency(results))]
    if len(targets(results)) > 1:
        parts.append(aligned(targets(results)))
    parts.append("\n".join(f"- {note}" for note in results["notes"]))
    return "\n\n".join(parts)
