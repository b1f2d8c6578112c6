"""The live view of the service, from one look at it and the time before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ops.gateways.metrics import Span
from ops.terminal.console import size
from ops.terminal.table import table
from ops.watch.look import Look, Version

VERSION_HEAD = ("model", "version", "part", "workers", "queue", "requests/s", "errors/s", "p95", "memory")
AUDIT_HEAD = ("last operations", "by", "action", "versions", "outcome", "took", "")
REQUESTS = "gateway_version_requests_total"
#: Answers for which no worker was asked.
CACHED = ("hit", "shared")


def screen(title: str, look: Look, span: Span | None) -> Group:
    """Return the view. `span` is None until there are two scrapes."""
    parts: list[RenderableType] = [
        _line(title, "bold"),
        _readiness(look),
        *(Text(f"note: {note}", style="yellow") for note in look.notes),
    ]
    if look.scrape is not None:
        parts.append(Text(traffic(look, span)))
    if look.versions:
        parts.append(_table(VERSION_HEAD, [version_row(one, span) for one in look.versions]))
    if look.programs:
        rows = ([one.name, one.state, size(one.memory_bytes) if one.memory_bytes else ""] for one in look.programs)
        parts.append(_table(("program", "state", "memory"), rows))
    if look.audit:
        parts.append(_table(AUDIT_HEAD, look.audit))
    return Group(*parts)


def traffic(look: Look, span: Span | None) -> str:
    """Return the gateway's traffic in one line: of now, and of the time of the span."""
    assert look.scrape is not None  # noqa: S101 - the caller has metrics
    now = [
        f"{look.scrape.total('gateway_requests_in_flight'):.0f} in flight",
        f"{look.scrape.total('gateway_admission_waiting'):.0f} waiting",
    ]
    if span is None:
        return ", ".join(now)
    refused = span.rate("gateway_admission_refused_total")
    limited = span.rate("gateway_rate_limited_total")
    asked = span.increase("gateway_cache_total")
    cached = span.increase("gateway_cache_total", outcome="hit") + span.increase(
        "gateway_cache_total", outcome="shared"
    )
    shown = [
        f"{span.rate('gateway_model_requests_total'):.1f} requests/s",
        f"p95 {_ms(span.quantile(0.95, 'gateway_model_request_seconds'))}",
        *now,
        f"{refused:.1f} refused/s" if refused else "",
        f"{limited:.1f} over their rate/s" if limited else "",
        f"{cached / asked:.0%} from the cache" if asked else "",
        f"over the last {span.seconds:.0f} s",
    ]
    return ", ".join(filter(None, shown))


def version_row(one: Version, span: Span | None) -> list[str]:
    """Return the row of a version."""
    row = [one.model, one.version, one.part, f"{one.ready}/{one.workers}", str(one.waiting)]
    memory = size(one.memory_bytes) if one.memory_bytes else ""
    if span is None:
        return [*row, "", "", "", memory]
    labels = {"model": one.model, "version": one.version}
    requests, errors = span.rate(REQUESTS, **labels), span.rate(REQUESTS, **labels, outcome="error")
    p95 = span.quantile(0.95, "gateway_version_seconds", **labels)
    return [*row, f"{requests:.1f}", f"{errors:.1f}", _ms(p95), memory]


def _readiness(look: Look) -> Text:
    word, style = ("ready", "bold green") if look.readiness else ("not ready", "bold red")
    sides = f", sides: {look.sides}" if look.sides else ""
    return Text.assemble((word, style), f": {look.readiness.message}{sides}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Group:
    """Return aligned lines under a head. On a narrow terminal the last columns are cut off, not each of them."""
    first, *lines = table([list(row) for row in rows], list(head))
    return Group(Text(""), _line(first, "bold"), *map(_line, lines))


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
