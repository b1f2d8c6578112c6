"""The decision whether a request is recorded, and what a request that is not recorded keeps of its trace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

from gateway.tracing import context, sampling
from gateway.tracing.ids import RequestIds

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/predict", "headers": [(b"host", b"localhost"), *headers]}


def from_client(flags: str) -> dict[str, Any]:
    return scope((b"traceparent", f"00-{TRACE}-{SPAN}-{flags}".encode()))


@pytest.fixture
def ids(monkeypatch: pytest.MonkeyPatch) -> Iterator[RequestIds]:
    """Ids of the gateway's own; the sampler is restored after the test."""
    for name in ("_sampler", "_ids"):
        monkeypatch.setattr(sampling, name, None)
    yield RequestIds()
    sampling.take_sampled_trace_id()


@pytest.mark.parametrize(
    ("sampler", "asked", "unrecorded"),
    [
        (ALWAYS_ON, scope(), False),
        (ALWAYS_OFF, scope(), True),
        (ParentBased(ALWAYS_OFF), from_client("01"), False),
        (ParentBased(ALWAYS_ON), from_client("00"), True),
        (ALWAYS_OFF, from_client("01"), True),
        (ParentBased(ALWAYS_ON), scope((b"traceparent", b"00-nonsense-01")), False),
        (ParentBased(ALWAYS_OFF), scope((b"traceparent", b"00-nonsense-01")), True),
    ],
)
def test_the_sampler_decides_about_the_clients_trace_or_a_new_one(
    ids: RequestIds, sampler: Sampler, asked: dict[str, Any], unrecorded: bool
) -> None:
    sampling.install(sampler, ids)
    assert sampling.is_unrecorded(asked) is unrecorded
    assert (sampling.UNRECORDED in asked) is unrecorded


def test_without_a_collector_nothing_is_decided(ids: RequestIds) -> None:
    asked = scope()
    assert not sampling.is_unrecorded(asked)
    assert sampling.UNRECORDED not in asked


def test_the_span_of_a_request_that_is_chosen_has_the_id_that_it_was_chosen_by(ids: RequestIds) -> None:
    half = TraceIdRatioBased(0.5)
    sampling.install(half, ids)
    tracer = TracerProvider(half, id_generator=ids, shutdown_on_exit=False).get_tracer("test")
    chosen = 0
    for _ in range(200):
        if not sampling.is_unrecorded(scope()):
            chosen += 1
            assert tracer.start_span("request").is_recording(), "the sampler decided twice, and differently"
    assert 50 < chosen < 150
    made = [tracer.start_span("request").is_recording() for _ in range(200)]
    assert 50 < sum(made) < 150, "an id is used for one request"


def test_a_request_that_is_not_recorded_has_the_ids_of_its_trace_and_makes_no_span(ids: RequestIds) -> None:
    sampling.install(ParentBased(ALWAYS_ON), ids)
    seen: list[tuple[dict[str, str], str | None, bool]] = []

    async def app(*_: Any) -> None:
        with context.span("fetch image") as made:
            seen.append((context.trace_fields(), context.traceparent(), made.is_recording()))

    asked = from_client("00")
    assert sampling.is_unrecorded(asked)
    asyncio.run(sampling.UnrecordedMiddleware(app)(asked, None, None))  # type: ignore[arg-type]
    ((fields, parent, is_recording),) = seen
    assert fields["trace_id"] == TRACE
    assert fields["span_id"] not in (SPAN, "0" * 16)
    assert parent == f"00-{TRACE}-{fields['span_id']}-00"
    assert not is_recording
    assert trace.get_current_span() is trace.INVALID_SPAN
