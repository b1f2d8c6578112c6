"""Traces of a gateway process, received by a collector over OTLP; the fake TorchServe returns stages as workers do."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.conftest import Start
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe, torchserve_error
from tests.gateway.support.gateway_process import gateway_path, gateway_process
from tests.gateway.support.pictures import picture
from tests.support import free_ports
from tests.support.answering import answering
from tests.support.endpoints import HTTP
from tests.support.otlp import Collector, Span, collecting

JPEG = picture("JPEG")
CLIENT = "b7ad6b7169203331"
STAGES = ("decode", "letterbox", "infer", "nms")
#: The gateway's span, the call, the worker's, and its stages.
SPANS = 3 + len(STAGES)
QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def site_port() -> int:
    """The port from which images by URL are allowed."""
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="module")
def traced(_running: tuple[FakeTorchServe, str], site_port: int) -> Iterator[tuple[str, Collector]]:
    """A gateway that traces everything, shared by the tests of this module: its URL, and the collector."""
    given = {
        "URL_ALLOW": f"127.0.0.1:{site_port}",
        "URL_ALLOW_PRIVATE": "127.0.0.0/8",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=s3cret",
        "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=cameras",
    }
    urls = {"TORCHSERVE_INFERENCE_URL": _running[1], "TORCHSERVE_MANAGEMENT_URL": _running[1]}
    with (
        collecting() as found,
        gateway_process(OTEL_EXPORTER_OTLP_ENDPOINT=found.url, **QUICKLY, **given, **urls) as url,
    ):
        yield url, found


@pytest.fixture
def trace() -> str:
    return uuid.uuid4().hex


def with_stages(asked: Asked) -> Answer:
    """Answer as a worker that is asked in a trace that is recorded."""
    if not asked.headers.get("traceparent", "").endswith("-01"):
        return Answer([STREET])
    now = time.time_ns() // 1000
    parts = ", ".join(f"{stage};{now + 100 * number};100" for number, stage in enumerate(STAGES))
    return Answer([STREET], delay_s=0.05, headers={"X-Trace-Stages": f"handle;{now};1000, {parts}"})


def ask(url: str, trace: str, flags: str = "01") -> httpx.Response:
    headers = {"traceparent": f"00-{trace}-{CLIENT}-{flags}", "X-Request-ID": "abc"}
    return HTTP.post(f"{url}/predict", params={"conf": "0.4"}, content=JPEG, headers=headers, timeout=30)


def by_parent(spans: list[Span], parent: Span) -> list[str]:
    return [span.name for span in spans if span.parent == parent.id]


def test_one_trace_goes_from_the_client_through_the_gateway_to_the_stages_of_the_worker(
    traced: tuple[str, Collector], fake: FakeTorchServe, trace: str
) -> None:
    fake.predict = with_stages
    url, collector = traced
    assert ask(url, trace).status_code == 200
    server, call, worker, *stages = spans = collector.trace(trace, SPANS)
    assert (server.name, server.parent, server.service) == ("POST /predict", CLIENT, "api-gateway")
    assert (call.name, call.parent, call.service) == ("POST /models/yolo/invoke", server.id, "api-gateway")
    assert (worker.name, worker.parent, worker.service) == ("handle", call.id, "torchserve")
    assert [(span.name, span.parent, span.service) for span in stages] == [
        (stage, worker.id, "torchserve") for stage in STAGES
    ]
    for outer, inner in ((server, call), (call, worker), *((worker, stage) for stage in stages)):
        assert outer.begin <= inner.begin <= inner.end <= outer.end, (outer, inner)
    assert [stage.end - stage.begin for stage in stages] == [100_000] * 4
    assert len(spans) == SPANS
    assert fake.predictions[-1].headers["traceparent"] == f"00-{trace}-{call.id}-01"
    told = server.attributes
    assert (told["http.response.status_code"], told["model.name"], told["model.version"]) == (200, "yolo", "1.0")
    assert (told["request.id"], told["service.namespace"]) == ("abc", "cameras")
    assert collector.requests[0].headers["x-key"] == "s3cret"


def test_questions_about_the_model_server_belong_to_no_trace(
    traced: tuple[str, Collector], fake: FakeTorchServe, trace: str
) -> None:
    url, collector = traced
    fake.predict = with_stages
    headers = {"traceparent": f"00-{trace}-{CLIENT}-01"}
    assert HTTP.get(f"{url}/models", headers=headers, timeout=30).status_code == 200
    assert ask(url, trace).status_code == 200
    spans = collector.trace(trace, 1 + SPANS)
    assert sorted(span.name for span in spans if span.service == "api-gateway") == [
        "GET /models",
        "POST /models/yolo/invoke",
        "POST /predict",
    ]


def test_the_times_of_a_request_carry_its_trace_as_an_exemplar(
    traced: tuple[str, Collector], fake: FakeTorchServe, trace: str
) -> None:
    url, _ = traced
    for flags, count in (("00", 0), ("01", 1)):
        ask(url, trace, flags)
        page = HTTP.get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text"}, timeout=30).text
        lines = [line for line in page.splitlines() if line.startswith("gateway_request_seconds_bucket")]
        assert sum(f'trace_id="{trace}"' in line for line in lines) == count


def test_a_query_never_leaves_with_a_trace(traced: tuple[str, Collector], fake: FakeTorchServe, trace: str) -> None:
    url, collector = traced
    headers = {"traceparent": f"00-{trace}-{CLIENT}-01"}
    HTTP.post(f"{url}/predict?url=https://u:s3cret@h/a.jpg&conf=2", content=JPEG, headers=headers, timeout=30)
    (server, *_) = collector.trace(trace, 1)
    assert server.attributes["url.query"] == "REDACTED"
    assert "s3cret" not in str(collector.spans)


def test_each_image_of_a_batch_has_its_own_call_and_stages_in_the_same_trace(
    traced: tuple[str, Collector], fake: FakeTorchServe, trace: str
) -> None:
    fake.predict = with_stages
    url, collector = traced
    files = [("files", (f"{number}.jpg", JPEG, "image/jpeg")) for number in range(3)]
    headers = {"traceparent": f"00-{trace}-{CLIENT}-01"}
    assert HTTP.post(f"{url}/predict/batch", files=files, headers=headers, timeout=30).status_code == 200
    spans = collector.trace(trace, 1 + 3 * (SPANS - 1))
    (server,) = (span for span in spans if span.parent == CLIENT)
    calls = [span for span in spans if span.parent == server.id]
    assert [call.name for call in calls] == ["POST /models/yolo/invoke"] * 3
    for call in calls:
        (worker,) = (span for span in spans if span.parent == call.id)
        assert by_parent(spans, worker) == list(STAGES)


def test_a_trace_that_the_client_does_not_record_is_passed_on_and_logged_and_not_sent(
    start: Start, fake: FakeTorchServe, collector: Collector, trace: str
) -> None:
    gateway = start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICKLY)
    url = gateway.url()
    ask(url, trace, "00")
    version, trace, _, flags = fake.predictions[-1].headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", trace, "00")
    assert gateway.wait_until("request")["trace_id"] == trace
    ask(url, trace, "01")
    collector.trace(trace, 2)
    assert len({span.id for span in collector.spans if span.name == "POST /predict"}) == 1


def test_the_download_of_an_image_is_a_span_and_its_host_hears_nothing_of_the_trace(
    traced: tuple[str, Collector], fake: FakeTorchServe, trace: str, site_port: int
) -> None:
    url, collector = traced
    heard: list[httpx.Request] = []

    def site(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(200 if request.url.path == "/a.jpg" else 404, content=JPEG)

    headers = {"traceparent": f"00-{trace}-{CLIENT}-01"}
    with answering(site, site_port) as address:
        for name, status in (("a.jpg", 200), ("s3cret.jpg", 422)):
            body = {"url": f"{address}/{name}"}
            assert HTTP.post(f"{url}/predict", json=body, headers=headers, timeout=30).status_code == status
    spans = collector.trace(trace, 5)
    servers = [span.id for span in spans if span.parent == CLIENT]
    good, bad = (span for span in spans if span.name == "fetch image")
    assert [good.parent, bad.parent] == servers
    assert (good.is_error, bad.is_error, bad.attributes["error.type"]) == (False, True, "UrlFailed")
    assert not any("traceparent" in request.headers for request in heard)
    assert "s3cret" not in str(collector.spans)


def test_errors_of_the_model_server_show_in_its_span(
    traced: tuple[str, Collector], fake: FakeTorchServe, trace: str
) -> None:
    fake.predict = lambda asked: torchserve_error(500, "InternalServerException", "Prediction failed")
    url, collector = traced
    assert ask(url, trace).status_code == 502
    server, call = (span for span in collector.trace(trace, 2) if span.name.startswith("POST"))
    assert (server.is_error, call.is_error, call.attributes["http.response.status_code"]) == (True, True, 500)


def test_probes_are_not_traced_and_the_sampler_is_settable(
    start: Start, fake: FakeTorchServe, collector: Collector, trace: str
) -> None:
    none = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    url = start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICKLY, **none).url()
    traced = {"traceparent": f"00-{trace}-{CLIENT}-01"}
    for path in ("/health", "/health/live", "/metrics"):
        HTTP.get(f"{url}{path}", headers=traced, timeout=30)
    for _ in range(20):
        HTTP.post(f"{url}/predict", content=JPEG, timeout=30)
    ask(url, trace)
    collector.trace(trace, 2)
    assert {span.trace for span in collector.spans} == {trace}
    assert {span.name for span in collector.spans} == {"POST /predict", "POST /models/yolo/invoke"}


def test_a_sampler_without_parent_decides_whatever_clients_say(
    start: Start, fake: FakeTorchServe, collector: Collector, trace: str
) -> None:
    url = start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="always_off", **QUICKLY).url()
    ask(url, trace, "01")
    assert fake.predictions[-1].headers["traceparent"].endswith("-00")


def test_of_requests_without_a_trace_the_chosen_share_is_recorded_whole_and_the_rest_is_passed_on(
    start: Start, fake: FakeTorchServe, collector: Collector
) -> None:
    half = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    url = start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICKLY, **half).url()
    for _ in range(40):
        assert HTTP.post(f"{url}/predict", content=JPEG, timeout=30).status_code == 200
    passed_on = [asked.headers["traceparent"].split("-") for asked in fake.predictions]
    recorded = {trace for _, trace, _, flags in passed_on if flags == "01"}
    assert len({trace for _, trace, _, _ in passed_on}) == 40
    assert 5 < len(recorded) < 35
    # The same decision as of any other program with this sampler: by the lower half of the id.
    assert {trace for _, trace, _, _ in passed_on if int(trace[16:], 16) < 2**63} == recorded
    for trace in recorded:
        server, call = collector.trace(trace, 2)
        assert (server.name, server.parent, call.parent) == ("POST /predict", "", server.id)
    assert {span.trace for span in collector.spans} == recorded


@pytest.mark.parametrize("fault", ["away", "silent", "refusing"])
def test_without_a_working_collector_requests_are_answered_and_few_spans_are_kept(
    start: Start, fake: FakeTorchServe, collector: Collector, fault: str
) -> None:
    fake.predict = with_stages
    endpoint = "http://127.0.0.1:9" if fault == "away" else collector.url
    if fault == "silent":
        collector.is_open.clear()
    collector.status = 503 if fault == "refusing" else 200
    gateway = start(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_MAX_QUEUE_SIZE="20", **QUICKLY)
    url = gateway.url()
    with httpx.Client() as client:
        for _ in range(60):
            assert client.post(f"{url}/predict", content=JPEG, timeout=30).status_code == 200
    if fault == "silent":
        collector.is_open.set()
    gateway.process.terminate()
    assert gateway.end()[0] == 0
    # One batch was on its way and one waited; the other spans of 60 requests were dropped.
    assert len(collector.spans) <= 60


def test_without_a_collector_nothing_of_traces_is_sent_loaded_or_logged(
    start: Start, fake: FakeTorchServe, trace: str
) -> None:
    gateway = start()
    ask(gateway.url(), trace)
    assert "traceparent" not in fake.predictions[-1].headers
    assert "trace_id" not in gateway.wait_until("request")
    names = "('opentelemetry.sdk.trace', 'opentelemetry.exporter')"
    script = f"import sys, gateway.__main__; print([name for name in sys.modules if name.startswith({names})])"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": gateway_path()}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "jaeger:4318"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
    ],
)
def test_a_wrong_setting_is_named_at_the_start(start: Start, variable: str, value: str) -> None:
    code, _, said = start(**{variable: value}).end()
    assert code == 2
    assert variable in said
