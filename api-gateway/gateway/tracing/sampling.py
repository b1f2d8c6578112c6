"""Whether the trace of a request is recorded: decided when the request arrives, before any span of it is made.

FastAPI's instrumentation makes a span of each request and watches what the request receives and sends, even if the
sampler drops the span. A request that is not recorded passes by it. It keeps the ids of its trace, for the log and for
the model server.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

#: The key of the scope with the span of a request that is not recorded.
UNRECORDED = "gateway.unrecorded_span"
#: W3C Trace Context.
_HEADERS = {b"traceparent": "traceparent", b"tracestate": "tracestate"}
_NO_PARENT = Context()

_sampler: Sampler | None = None
_ids: IdGenerator | None = None
_sampled: ContextVar[int | None] = ContextVar("sampled_trace_id", default=None)


def install(sampler: Sampler, ids: IdGenerator) -> None:
    """Decide with this sampler from now on. It must be the one of the tracer provider."""
    global _sampler, _ids  # as OpenTelemetry's provider, there is one for the process
    _sampler, _ids = sampler, ids


def is_unrecorded(scope: Scope) -> bool:
    """Decide about a request, once. If it is not recorded, its scope gets the span with the ids of its trace."""
    if _sampler is None or _ids is None:
        return False
    parent = _read_parent(scope["headers"])
    above = trace.get_current_span(parent).get_span_context()
    trace_id = above.trace_id if above.is_valid else _ids.generate_trace_id()
    result = _sampler.should_sample(parent, trace_id, scope["method"], SpanKind.SERVER)
    if result.decision.is_recording():  # type: ignore[no-untyped-call] # an untyped method of the SDK
        if not above.is_valid:
            _sampled.set(trace_id)
        return False
    scope[UNRECORDED] = NonRecordingSpan(
        SpanContext(
            trace_id,
            _ids.generate_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.DEFAULT),
            trace_state=result.trace_state,
        )
    )
    return True


def take_sampled_trace_id() -> int | None:
    """Return, once, the id by which the sampler chose the current request.

    Its span must have this id: with another one, the sampler would be asked again and might decide otherwise.
    """
    trace_id = _sampled.get()
    if trace_id is not None:
        _sampled.set(None)
    return trace_id


def _read_parent(headers: Iterable[tuple[bytes, bytes]]) -> Context:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if (key := _HEADERS.get(name)) is not None:
            found.setdefault(key, []).append(value.decode("latin-1"))
    return propagate.extract(found, _NO_PARENT) if found else _NO_PARENT


class UnrecordedMiddleware:
    """Pure ASGI layer that makes the span of a request that is not recorded the current one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on in the trace of the request."""
        span = scope.get(UNRECORDED)
        if span is None:
            await self.app(scope, receive, send)
            return
        token = context.attach(trace.set_span_in_context(span))
        try:
            await self.app(scope, receive, send)
        finally:
            context.detach(token)
