"""The trace that the current task works for. Without tracing there is none, and asking costs next to nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

#: Follows the provider that is set later. To look it up for each span would cost more than the span.
_tracer = trace.get_tracer("gateway")


def trace_fields() -> dict[str, str]:
    """Return ``trace_id`` and ``span_id`` in the form of logs, whether or not the trace is recorded; empty without."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(found.trace_id), "span_id": trace.format_span_id(found.span_id)}


def is_recorded() -> bool:
    """Tell whether the current trace is recorded; also after the span of the request has ended."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def recorded_trace_id() -> str | None:
    """Return the id of the trace if it is recorded, so that a reader who follows the id finds it."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id) if is_recorded() else None


def describe(attributes: Mapping[str, str], *, has_query: bool = False) -> None:
    """Add attributes to the current span. A query is replaced: it may hold the address of an image with its key."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes({**attributes, **({"url.query": "REDACTED"} if has_query else {})})


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, str] | None = None) -> Iterator[Span]:
    """Make a span of a part of the request, until the block ends. If the request is not recorded, it does nothing.

    Of an error only the kind is recorded: messages may quote what a client sent.
    """
    if not is_recorded():
        yield trace.get_current_span()
        return
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except Exception as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(StatusCode.ERROR)
            raise


def traceparent() -> str | None:
    """Return the header that continues the trace in another process (W3C Trace Context), or None without a trace."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    trace_id, span_id = trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)
    return f"00-{trace_id}-{span_id}-{found.trace_flags & 1:02x}"
