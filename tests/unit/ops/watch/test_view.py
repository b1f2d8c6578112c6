"""What status.sh --watch shows, from recorded looks."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ops.gateways import metrics
from ops.gateways.metrics import Span
from ops.gateways.readiness import Readiness
from ops.store import routing
from ops.watch import view
from ops.watch.look import Look, Version, part
from ops.watch.programs import Program
from ops.watch.run import SPAN_S, History

BEFORE = """\
# TYPE gateway_requests_in_flight gauge
gateway_requests_in_flight 2.0
gateway_admission_waiting 0.0
gateway_admission_refused_total{reason="full"} 0.0
gateway_model_requests_total{model="yolo",status="200"} 100.0
gateway_model_request_seconds_bucket{le="0.1",model="yolo"} 100.0
gateway_model_request_seconds_bucket{le="0.25",model="yolo"} 100.0
gateway_model_request_seconds_bucket{le="+Inf",model="yolo"} 100.0
gateway_version_requests_total{model="yolo",outcome="ok",role="stable",version="1.0"} 100.0
gateway_version_seconds_bucket{le="0.1",model="yolo",version="1.0"} 100.0
gateway_version_seconds_bucket{le="+Inf",model="yolo",version="1.0"} 100.0
gateway_cache_total{outcome="hit"} 0.0
gateway_cache_total{outcome="miss"} 0.0
"""
AFTER = """\
gateway_requests_in_flight 7.0
gateway_admission_waiting 3.0
gateway_admission_refused_total{reason="full"} 25.0
gateway_model_requests_total{model="yolo",status="200"} 200.0
gateway_model_requests_total{model="yolo",status="503"} 25.0
gateway_model_request_seconds_bucket{le="0.1",model="yolo"} 120.0
gateway_model_request_seconds_bucket{le="0.25",model="yolo"} 200.0
gateway_model_request_seconds_bucket{le="+Inf",model="yolo"} 200.0
gateway_version_requests_total{model="yolo",outcome="ok",role="stable",version="1.0"} 190.0
gateway_version_requests_total{model="yolo",outcome="error",role="canary",version="1.1"} 10.0
gateway_version_seconds_bucket{le="0.1",model="yolo",version="1.0"} 190.0
gateway_version_seconds_bucket{le="+Inf",model="yolo",version="1.0"} 190.0
gateway_cache_total{outcome="hit"} 30.0
gateway_cache_total{outcome="miss"} 70.0
"""
VERSIONS = (
    Version("yolo", "1.0", "current", ready=2, workers=2, waiting=4, memory_bytes=412_300_000),
    Version("yolo", "1.1", "canary 10 %", ready=0, workers=1),
)
AUDIT = (["2026-11-30T11:58:01Z", "ann@desk", "redeploy", "1.0 → 1.1", "done", "4.2 s", "new [helmets]"],)


@pytest.fixture
def look() -> Look:
    return Look(
        Readiness(True, "version 1.0 is served"),
        "blue answers",
        (Program("torchserve", "RUNNING (pid 12, uptime 0:01:00)", 1_200_000_000), Program("api-gateway", "STOPPED")),
        VERSIONS,
        metrics.parse(AFTER, 10),
        AUDIT,
    )


@pytest.fixture
def span() -> Span:
    return Span(metrics.parse(BEFORE, 0), metrics.parse(AFTER, 10))


def shown(look: Look, span: Span | None, columns: int = 130) -> list[str]:
    console = Console(file=io.StringIO(), width=columns)
    console.print(view.screen("http://127.0.0.1:8001  12:00:00", look, span))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_view_has_models_rates_queues_memory_programs_and_the_last_operations(look, span):
    assert shown(look, span) == [
        "http://127.0.0.1:8001  12:00:00",
        "ready: version 1.0 is served, sides: blue answers",
        "12.5 requests/s, p95 241 ms, 7 in flight, 3 waiting, 2.5 refused/s, 30% from the cache, over the last 10 s",
        "",
        "  model  version  part         workers  queue  requests/s  errors/s  p95    memory",
        "  yolo   1.0      current      2/2      4      9.0         0.0       95 ms  412.3 MB",
        "  yolo   1.1      canary 10 %  0/1      0      1.0         1.0       -",
        "",
        "  program      state                             memory",
        "  torchserve   RUNNING (pid 12, uptime 0:01:00)  1.2 GB",
        "  api-gateway  STOPPED",
        "",
        "  last operations       by        action    versions   outcome  took",
        "  2026-11-30T11:58:01Z  ann@desk  redeploy  1.0 → 1.1  done     4.2 s  new [helmets]",
    ]


def test_without_a_second_reading_there_are_no_rates(look):
    lines = shown(look, None)
    assert lines[2] == "7 in flight, 3 waiting"
    assert "  yolo   1.0      current      2/2      4                                 412.3 MB" in lines


def test_a_service_that_is_away_is_said_to_be_so():
    away = Look(Readiness(False, "the gateway does not answer"), notes=("no rates: x", "no models: y"))
    assert shown(away, None)[1:] == [
        "not ready: the gateway does not answer",
        "note: no rates: x",
        "note: no models: y",
    ]


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_view_fits_a_narrow_terminal(look, span, columns):
    lines = shown(look, span, columns)
    assert max(map(len, lines)) <= columns
    assert sum(line.startswith("  yolo   1.") for line in lines) == 2  # a row each, its end cut off


def test_a_version_is_shown_with_its_part_of_the_routing():
    split = routing.Routing(
        canary=routing.Canary("1.1", 10, "s"),
        experiment=routing.Experiment("e", {"1.2": 25.5}, "s"),
        shadow=routing.Shadow("1.3", 100),
    )
    parts = [part(version, "1.0", split) for version in ("1.0", "1.1", "1.2", "1.3", "1.4")]
    assert parts == ["current", "canary 10 %", "experiment 25.5 %", "shadow 100 %", ""]


def test_rates_are_of_the_last_seconds_and_begin_again_when_the_gateway_was_away():
    history = History()
    assert history.add(metrics.parse(BEFORE, 0)) is None
    for second in range(1, 40):
        span = history.add(metrics.parse(AFTER, second))
        assert span is not None
        assert span.seconds == min(second, SPAN_S)
    assert len(history.scrapes) < 15
    assert history.add(None) is None
    assert history.add(metrics.parse(AFTER, 41)) is None
