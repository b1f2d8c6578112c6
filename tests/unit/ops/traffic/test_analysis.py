from dataclasses import replace

import pytest

from ops.errors import UsageError
from ops.gateways.counters import Measured
from ops.traffic import analysis
from ops.traffic.analysis import Bounds, judge

GOOD = Measured(requests=200, failures=0, answered=200, detections=600, p95_ms=100)
LIMITS = Bounds(errors=1, p95=1.5, detections=25, requests=100)


def test_as_good_as_the_stable_one_is_good():
    verdict, why = judge(GOOD, GOOD, LIMITS)
    assert verdict == "good"
    assert "200 requests, 0 failed, p95 100 ms (stable 100), 3.00 detections (stable 3.00)" in why


@pytest.mark.parametrize(
    ("canary", "stable", "verdict", "told"),
    [
        ({"failures": 2}, {}, "good", ""),
        ({"failures": 3}, {}, "bad", "3 of 200 requests failed, of the stable version's 0 of 200"),
        ({"failures": 30}, {"failures": 30}, "good", ""),
        ({"p95_ms": 175}, {}, "good", ""),
        ({"p95_ms": 176}, {}, "bad", "p95 176 ms, the stable version's 100 ms (1.5 times is allowed)"),
        ({"p95_ms": 20}, {"p95_ms": 2}, "good", ""),
        ({"p95_ms": 20}, {}, "good", ""),
        ({"detections": 440}, {}, "good", ""),
        ({"detections": 400}, {}, "bad", "2.00 detections on average, the stable version's 3.00"),
        ({"detections": 800}, {}, "bad", "4.00 detections"),
        ({"detections": 0}, {"detections": 0}, "good", ""),
        ({"detections": 60}, {"detections": 0}, "bad", "0.30 detections"),
        ({"requests": 99}, {}, "wait", "99 and 200 of 100"),
        ({}, {"requests": 99}, "wait", "200 and 99 of 100"),
        ({"p95_ms": None}, {}, "wait", "no times yet"),
    ],
)
def test_each_bound(canary, stable, verdict, told):
    found, why = judge(replace(GOOD, **canary), replace(GOOD, **stable), LIMITS)
    assert found == verdict, why
    assert told in why


def test_a_canary_that_plainly_fails_is_not_waited_out():
    failing = Measured(requests=20, failures=5)
    assert judge(failing, Measured(), LIMITS)[0] == "bad"
    assert judge(replace(failing, failures=4), Measured(), LIMITS)[0] == "wait"


def test_the_steps():
    assert analysis.steps("5, 25,50,100") == [5, 25, 50, 100]
    assert analysis.steps("100") == [100]
    for wrong in ("", "0,50", "50,25", "5,5", "5,120", "five"):
        with pytest.raises(UsageError):
            analysis.steps(wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"errors": -1}, {"p95": 0.5}, {"detections": 0}, {"requests": 0}, {"hold_s": 10, "deadline_s": 5}, {"hold_s": -1}],
)
def test_bounds_that_make_no_sense_are_refused(wrong):
    assert Bounds().check() == Bounds()
    with pytest.raises(UsageError, match="--"):
        Bounds(**wrong).check()
