import pytest

from benchmarks.contestants.parity import Parity
from benchmarks.contestants.roster import BY_NAME
from benchmarks.plan import Plan
from benchmarks.report import results, tables
from benchmarks.report.measurements import Measurements

SETTINGS = {"pictures": 2, "weights": "best.pt"}
CLIENT = {"p50_ms": 0.1, "cpu_ms_per_image": 0.1}


def phase(rate, **more):
    return {
        "latencies_ms": [10.0] * rate, "window_s": 1.0, "errors": {}, "answered": rate,
        "server_cpu_s": 1.0, "client_cpu_s": 0.1, "other_cpu_s": 0.0, **more,
    }  # fmt: skip


def ceiling(rate):
    return {
        "latencies_ms": [10.0] * rate, "window_s": 1.0, "errors": {}, "answered": rate, "rss": 200.0,
        "engine": "openvino f32", "shape": [1, 2], "parity": {"matched": 3, "expected": 3, "found": 3},
    }  # fmt: skip


@pytest.fixture
def measured():
    racing = [BY_NAME[name] for name in ("litserve_yolo", "stack_gateway")]
    measured = Measurements(Plan(2, 1.0, 0.1, (1, 8), (80,)), [0, 1], racing)
    for name, rates in (("litserve_yolo", (10, 20)), ("stack_gateway", (21, 40))):
        record = measured.records[name]
        record.parity = Parity(3, 3, 3, 3, 0.0, 0.0)
        record.startup_s = [2.0, 3.0]
        record.memory_mb = [{"rss": 100.0, "pss": 80.0}, {"rss": 120.0, "pss": 70.0}]
        record.closed = {1: [phase(5), phase(5)], 8: [phase(rate) for rate in rates]}
        record.open = {80: [phase(8, offered_per_s=8.0, errors={"503": 1})]}
    measured.ceiling = [(ceiling(20), ceiling(20)), (ceiling(40), ceiling(44))]
    measured.ceiling_parallel = [ceiling(30), ceiling(63)]
    return measured


def test_contestants_are_compared_at_the_number_of_clients_nearest_to_four(measured):
    found = results.assemble(measured, SETTINGS, [], CLIENT)
    assert found["settings"]["compared_at"] == 1
    measured.plan = Plan(2, 1.0, 0.1, (6, 8), (80,))
    assert results.assemble(measured, SETTINGS, [], CLIENT)["settings"]["compared_at"] == 6


def test_ratios_of_a_contestant_are_taken_round_by_round(measured):
    measured.plan = Plan(2, 1.0, 0.1, (8,), (80,))
    found = results.assemble(measured, SETTINGS, [], CLIENT)
    stack = found["contestants"]["stack_gateway"]
    assert stack["times_baseline"] == pytest.approx({"median": 2.05, "min": 2.0, "max": 2.1})
    assert stack["of_ceiling"]["max"] == pytest.approx(1.05)
    assert stack["memory_mb"] == {"rss": 120.0, "pss": 80.0}
    assert stack["errors"] == 1
    assert found["ceiling"]["drift"] == pytest.approx(0.1)
    assert found["ceiling"]["at_once"]["of_ceiling"]["median"] == 1.5
    assert [(one["ours"], one["of"]) for one in found["targets"]] == [
        ("stack_gateway", "best tuned rival"),
        ("stack_gateway", "ceiling"),
    ]


def test_a_contestant_that_never_answered_is_published_as_refused(measured):
    record = measured.records["litserve_yolo"] = type(measured.records["litserve_yolo"])(refused="it did not start")
    found = results.assemble(measured, SETTINGS, ["A note."], CLIENT)
    assert found["contestants"]["litserve_yolo"]["refused"] == record.refused
    assert found["contestants"]["litserve_yolo"]["memory_mb"] == {}
    assert "left out" in tables.render(found, tables.aligned)


def test_other_work_on_the_cpus_is_noted(measured):
    assert results.assemble(measured, SETTINGS, ["A note."], CLIENT)["notes"] == ["A note."]
    for one in measured.records["stack_gateway"].phases:
        one["other_cpu_s"] = 0.22
    (note,) = results.assemble(measured, SETTINGS, [], CLIENT)["notes"]
    assert "up to 20%" in note
