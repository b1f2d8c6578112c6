"""A load on a terminal: the live view, the line of each second where there is no terminal, and the summary."""

from __future__ import annotations

from collections import Counter

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.load.record import RECENT_S, Figures, Record, seconds_asked

#: Versions and statuses that are listed; the rest is counted.
SHOWN = 8


def screen(title: str, record: Record, now: float, seconds: float) -> Group:
    """Return the live view. `seconds` is the planned duration of the run."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in rows(record, record.recent(now)):
        grid.add_row(name, Text(text, overflow="fold"))  # not text with markup
    passed = min(now - record.began, seconds)
    head = Text(f"{title}: {passed:.0f} s of {seconds:g} s, Ctrl-C ends it", style="bold", overflow="fold")
    return Group(head, grid)


def line(record: Record, now: float) -> str:
    """Return one line about the last seconds."""
    seen = record.recent(now)
    parts = [f"{now - record.began:.0f} s", _rate(seen), _latency(seen), f"in flight {record.in_flight}"]
    parts += [f"waiting {record.waiting}"] if record.waiting else []
    parts += [_listed(record.statuses + record.failures)] if record.statuses or record.failures else []
    return "  " + ", ".join(filter(None, parts))


def summary(record: Record, now: float) -> list[str]:
    """Return the lines at the end."""
    figures = record.whole(now)
    return [f"  {name:<11} {text}" for name, text in rows(record, figures, final=True)]


def rows(record: Record, figures: Figures, *, final: bool = False) -> list[tuple[str, str]]:
    """Return names and texts of what is shown: of the last seconds, or of the whole run."""
    span = "" if final else f" (last {RECENT_S:.0f} s)"
    shown = [("requests", f"{record.planned}, {record.answered} answered with detections")]
    if not final:
        shown.append(("now", f"{record.in_flight} in flight, {record.waiting} waiting for a connection"))
    shown += [("rate", f"{_rate(figures)}{span}"), ("latency", f"{_latency(figures) or 'no answer yet'}{span}")]
    if record.statuses:
        shown.append(("statuses", _listed(record.statuses)))
    if record.failures:
        shown.append(("no answer", _listed(record.failures)))
    if record.versions:
        shown.append(("versions", _listed(record.versions)))
    if record.cached:
        shown.append(("cache", f"{record.cached} answers came from the gateway's cache"))
    if record.retry_after:
        shown.append(("refused", f"{record.retry_after.total()} with Retry-After: {seconds_asked(record.retry_after)}"))
    return shown


def _rate(figures: Figures) -> str:
    return f"asked {figures.asked:.1f}/s, reached {figures.reached:.1f}/s"


def _latency(figures: Figures) -> str:
    if figures.p50_ms is None or figures.p99_ms is None:
        return ""
    return f"p50 {figures.p50_ms:.0f} ms, p99 {figures.p99_ms:.0f} ms"


def _listed(counts: Counter[str]) -> str:
    named = [f"{name}: {count}" for name, count in counts.most_common(SHOWN)]
    return ", ".join([*named, *(["…"] if len(counts) > SHOWN else [])])
