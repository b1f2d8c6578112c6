from dataclasses import replace

import pytest

from benchmarks.contestants.parity import Parity
from benchmarks.contestants.roster import BY_NAME
from benchmarks.plan import Plan
from benchmarks.report import promises
from benchmarks.report.measurements import Measurements

EXACT = Parity(3, 3, 3, 3, 0.0, 0.0)
NAMES = (
    "fastapi_yolo",
    "litserve_default",
    "litserve_yolo",
    "litserve_openvino",
    "stack_gateway",
    "stack_int8_gateway",
)


@pytest.fixture
def measured():
    measured = Measurements(Plan(2, 1.0, 0.1, (1, 4, 16), ()), [0, 1], [BY_NAME[name] for name in NAMES])
    by_round = {
        "fastapi_yolo": (6, 12),
        "litserve_default": (5, 5),
        "litserve_yolo": (10, 10),
        "litserve_openvino": (40, 40),
        "stack_gateway": (11, 12),
        "stack_int8_gateway": (20, 18),
    }
    for name, record in measured.records.items():
        record.parity = EXACT
        phases = [{"latencies_ms": [1.0] * rate, "window_s": 1.0} for rate in by_round[name]]
        record.closed = dict.fromkeys((1, 4, 16), phases)
    measured.records["litserve_openvino"].parity = replace(EXACT, matched=1)  # quicker, with other boxes
    return measured


def ratios(measured):
    judged = promises.judge(measured, [11.0, 12.0], 4)
    return {(one["ours"], one["of"], one["clients"]): one["measured"]["median"] for one in judged}


def test_float32_is_compared_with_the_quickest_rival_of_each_round_that_has_the_same_boxes(measured):
    found = ratios(measured)
    for clients in (1, 4, 16):
        assert found["stack_gateway", promises.BEST, clients] == pytest.approx((1.1 + 1.0) / 2)
    assert found["stack_gateway", promises.DEFAULTS, 4] == pytest.approx((2.2 + 2.4) / 2)
    assert found["stack_gateway", promises.CEILING, 4] == pytest.approx(1.0)
    assert found["stack_int8_gateway", promises.BEST, 4] == pytest.approx((2.0 + 1.5) / 2)


def test_a_promise_that_the_race_could_not_measure_is_left_out(measured):
    for record in measured.records.values():
        record.closed.pop(16)
    measured.records.pop("stack_int8_gateway")
    measured.records["litserve_default"].refused = "it did not start"
    assert set(ratios(measured)) == {
        ("stack_gateway", promises.BEST, 1),
        ("stack_gateway", promises.BEST, 4),
        ("stack_gateway", promises.CEILING, 4),
    }
