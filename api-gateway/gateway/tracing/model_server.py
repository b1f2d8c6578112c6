"""The spans of a call to the model server: the gateway's own, and below it those of the worker's stages.

The worker returns when its stages began, and the gateway makes their spans, see ``yolo/tracing/stages.py``. They belong
to a service of their own, ``torchserve``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from gateway.tracing import context

#: The header of an answer, as of :class:`Stage`: ``name;begin;duration, …``. The first stage contains the others.
STAGES_HEADER = "X-Trace-Stages"
SERVICE = "torchserve"
_STAGE = re.compile(r"([a-z_]{1,32});([0-9]{1,18});([0-9]{1,12})")
_MOST_STAGES = 16
_tracer: Tracer = trace.NoOpTracer()


class Stage(NamedTuple):
    """A part of the worker's time; begin and end in nanoseconds since 1970."""

    name: str
    begin: int
    end: int


def install(tracer: Tracer) -> None:
    """Make the spans of the stages with this tracer."""
    global _tracer  # as OpenTelemetry's provider, there is one for the process
    _tracer = tracer


class Call:
    """A call to the model server in a trace that is recorded."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._began = time.time_ns()

    def answered(self, status: int, stages: str | None) -> None:
        """Record the answer: its status and, if the worker returned them, its stages."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self._span.set_status(StatusCode.ERROR)
        if stages is not None:
            record(within(read_stages(stages), self._began, time.time_ns()), self._span)


@contextmanager
def call(method: str, server: str, path: str) -> Iterator[Call | None]:
    """Make a span of a call, which is the current one until it ends; None if the task is in no recorded trace."""
    if not context.is_recorded():
        yield None
        return
    target = path.partition("?")[0]
    attributes = {"http.request.method": method, "server.address": server, "url.path": target}
    with context.span(f"{method} {target}", SpanKind.CLIENT, attributes) as span:
        yield Call(span)


def read_stages(header: str) -> list[Stage]:
    """Read the header; a part that is not valid is left out."""
    parts = (_STAGE.fullmatch(part.strip()) for part in header.split(",")[:_MOST_STAGES])
    return [
        Stage(part[1], begin := int(part[2]) * 1000, begin + int(part[3]) * 1000) for part in parts if part is not None
    ]


def within(stages: list[Stage], began: int, ended: int) -> list[Stage]:
    """Return the stages on this process's clock: on another machine's, they may seem to lie outside of the call.

    In that case they are moved to its middle, which errs by less than half of the time on the network.
    """
    if not stages or (began <= stages[0].begin and stages[0].end <= ended):
        return stages
    shift = (began + ended - stages[0].begin - stages[0].end) // 2
    return [Stage(stage.name, stage.begin + shift, stage.end + shift) for stage in stages]


def record(stages: list[Stage], parent: Span) -> None:
    """Make the spans of the stages, which have ended."""
    if not stages:
        return
    whole, *parts = stages
    above = trace.set_span_in_context(parent)
    span = _tracer.start_span(whole.name, above, SpanKind.SERVER, start_time=whole.begin)
    inside = trace.set_span_in_context(span)
    for part in parts:
        _tracer.start_span(part.name, inside, start_time=part.begin).end(part.end)
    span.end(whole.end)
