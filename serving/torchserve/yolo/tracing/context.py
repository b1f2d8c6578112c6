"""The trace that a request belongs to, from its header `traceparent` (W3C Trace Context, level 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """`span_id` is the caller's span; `sampled` says whether the caller records the trace."""

    trace_id: str
    span_id: str
    sampled: bool


def parse(header: str | None) -> TraceContext | None:
    """Read the header; None if there is none, or none that is valid."""
    match = _HEADER.fullmatch(header.strip()) if header else None
    if match is None or not int(match["trace"], 16) or not int(match["span"], 16):
        return None
    return TraceContext(match["trace"], match["span"], bool(int(match["flags"], 16) & 1))
