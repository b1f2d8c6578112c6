"""One trace from a client through the gateway and the real TorchServe to the stages of a worker, batches included."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from tests.native.checkout import Checkout
from tests.support import jpeg
from tests.support.endpoints import HTTP
from tests.support.otlp import Span

CLIENT = "b7ad6b7169203331"
STAGES = ["decode", "letterbox", "infer", "nms"]
#: The gateway's span, the call, the worker's, and its stages.
SPANS = 3 + len(STAGES)


def ask(service: Checkout, trace: str, picture: bytes) -> None:
    headers = {"traceparent": f"00-{trace}-{CLIENT}-01", "X-Request-ID": trace[:8]}
    answer = HTTP.post(f"{service.gateway}/predict", content=picture, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text


def check(spans: list[Span]) -> list[Span]:
    """The spans of one image: parents, services and times. Returns the worker's."""
    server, call, worker, *stages = spans
    assert (server.parent, server.service, server.name) == (CLIENT, "api-gateway", "POST /predict")
    assert (call.parent, call.service) == (server.id, "api-gateway")
    assert (worker.parent, worker.service, worker.name) == (call.id, "torchserve", "handle")
    assert [(stage.name, stage.parent, stage.service) for stage in stages] == [
        (name, worker.id, "torchserve") for name in STAGES
    ]
    for outer, inner in ((server, call), (call, worker), *((worker, stage) for stage in stages)):
        assert outer.begin <= inner.begin <= inner.end <= outer.end, (outer, inner)
    for before, after in pairwise(stages):
        assert before.end <= after.begin
    assert len(spans) == SPANS
    return [worker, *stages]


def test_a_trace_goes_from_the_client_to_nms_and_its_id_is_in_the_lines_of_all_processes(configured, collector):
    trace = "a1" * 16
    ask(configured, trace, (configured.root / "samples/street.jpg").read_bytes())
    check(collector.trace(trace, SPANS))
    for name, loggers in (("api-gateway", ["gateway.access"]), ("torchserve", ["torchserve.access", "worker"])):
        lines = [line for line in configured.log(name).splitlines() if trace in line]
        assert all(any(f'"{logger}"' in line for line in lines) for logger in loggers), lines


def test_images_that_torchserve_puts_into_one_batch_have_a_trace_each(configured, collector):
    traces = [f"{number}b" * 16 for number in range(1, 4)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda trace: ask(configured, trace, jpeg(640, 480)), traces))
    for trace in traces:
        check(collector.trace(trace, SPANS))


def test_the_images_of_one_request_are_calls_of_one_trace(configured, collector):
    trace = "c3" * 16
    files = [("files", (f"{number}.jpg", jpeg(640, 480), "image/jpeg")) for number in range(3)]
    headers = {"traceparent": f"00-{trace}-{CLIENT}-01"}
    assert HTTP.post(f"{configured.gateway}/predict/batch", files=files, headers=headers, timeout=60).status_code == 200
    spans = collector.trace(trace, 1 + 3 * (SPANS - 1))
    (server,) = (span for span in spans if span.parent == CLIENT)
    calls = [span for span in spans if span.parent == server.id]
    assert len(calls) == 3
    for call in calls:
        (worker,) = (span for span in spans if span.parent == call.id)
        assert [span.name for span in spans if span.parent == worker.id] == STAGES
