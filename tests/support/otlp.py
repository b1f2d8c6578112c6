"""A collector of traces: it takes OTLP over HTTP, in the protocol's own messages, and keeps the spans."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.answering import answering
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Span:
    """A span as it arrived. Ids are hexadecimal; ``parent`` is empty for a root; times are nanoseconds since 1970."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    begin: int
    end: int
    is_error: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """The spans that arrived. It answers nothing while ``is_open`` is cleared, and with ``status`` afterwards."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    is_open: threading.Event = field(default_factory=threading.Event)
    status: int = 200

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.is_open.wait()
        if self.status == 200:
            self.spans += _read(request.content)
        return httpx.Response(self.status, headers={"content-type": "application/x-protobuf"})

    def trace(self, trace: str, spans: int) -> list[Span]:
        """Wait for this number of spans of a trace, and return all of them in the order of their begin."""
        wait_until(lambda: len(self._of(trace)) >= spans, f"{spans} spans of {trace} arrive", 30)
        return self._of(trace)

    def _of(self, trace: str) -> list[Span]:
        return sorted((span for span in self.spans if span.trace == trace), key=lambda span: (span.begin, -span.end))


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port until the block ends."""
    collector = Collector()
    collector.is_open.set()
    with answering(collector.answer) as url:
        collector.url = url
        try:
            yield collector
        finally:
            collector.is_open.set()


def _read(content: bytes) -> Iterator[Span]:
    for of_resource in ExportTraceServiceRequest.FromString(content).resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    service=resource["service.name"],
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    begin=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    is_error=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes={**resource, **_attributes(span.attributes)},
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
