"""Send spans to a collector (OTLP over HTTP). Its exporter is imported only where there is one.

Spans wait in a queue of bounded length, which a thread empties. A collector that is slow or away therefore costs spans
and no requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.util.re import parse_env_headers

from gateway import __version__
from gateway.settings import Settings
from gateway.tracing import model_server, sampling

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

#: Seconds that one request to the collector may take, and that the end of the process waits for the last spans.
EXPORT_TIMEOUT_S, LAST_SPANS_S = 10, 3
BATCH = 512
#: Characters of a value, such as the path that a client chose.
LONGEST_VALUE = 256


def start(settings: Settings) -> Callable[[], None]:
    """Trace requests from now on if the settings name a collector. Returns what ends it. Once a process."""
    if not settings.otel_exporter_otlp_endpoint:
        return lambda: None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from gateway.tracing.ids import RequestIds

    # At WARNING it logs each of its attempts.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    sampler, ids = _sampler(settings), RequestIds()
    queue = settings.otel_bsp_max_queue_size
    processor = BatchSpanProcessor(
        OTLPSpanExporter(
            f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
            headers=parse_env_headers(settings.otel_exporter_otlp_headers, liberal=True),
            timeout=EXPORT_TIMEOUT_S,
        ),
        max_queue_size=queue,
        schedule_delay_millis=settings.otel_bsp_schedule_delay,
        max_export_batch_size=min(BATCH, queue),
        export_timeout_millis=EXPORT_TIMEOUT_S * 1000,
    )

    def provide(service: str, sampler: Sampler) -> TracerProvider:
        given = parse_env_headers(settings.otel_resource_attributes, liberal=True)
        resource = Resource.create({**given, "service.name": service})
        limits = SpanLimits(max_attribute_length=LONGEST_VALUE)
        provider = TracerProvider(sampler, resource, shutdown_on_exit=False, id_generator=ids, span_limits=limits)
        provider.add_span_processor(processor)
        return provider

    trace.set_tracer_provider(provide(settings.otel_service_name, sampler))
    sampling.install(sampler, ids)
    model_server.install(provide(model_server.SERVICE, ALWAYS_ON).get_tracer("gateway", __version__))

    def stop() -> None:
        # In a thread, because the collector may be one that answers nothing.
        ending = threading.Thread(target=processor.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_SPANS_S)

    return stop


def _sampler(settings: Settings) -> Sampler:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased

    name = settings.otel_traces_sampler
    root: Sampler
    match name.removeprefix("parentbased_"):
        case "always_on":
            root = ALWAYS_ON
        case "always_off":
            root = ALWAYS_OFF
        case _:
            root = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    return ParentBased(root) if name.startswith("parentbased_") else root
