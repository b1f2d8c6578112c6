import json

import pytest

from benchmarks.report import differences

BODY = json.dumps([{"boxes": [], "timings_ms": {"total": 50.0}}])


@pytest.fixture
def found():
    latencies = {kind: [55.0, 56.0, 61.0] for kind in ("form", "raw", "everything_form", "everything_raw")}
    latencies = {"direct": [53.0, 54.0, 60.0], **latencies, "cache_hit": [1.0, 1.5, 2.0]}
    called = {kind: {"latencies_ms": ms, "first_ms": ms, "bodies": [BODY] * 3} for kind, ms in latencies.items()}
    return {**differences.compute(called, "torchserve"), "stand_in": differences.compute(called, "stand_in")}


def test_a_layer_adds_the_difference_of_medians_and_of_pairs(found):
    assert found["gateway_form_ms"] == {"of_p50": 2.0, "paired_p50": 2.0}
    assert found["torchserve_ms"] == {"of_p50": 4.0, "paired_p50": 4.0}
    assert found["p50_ms"]["handler"] == 50.0
    assert found["p50_ms"]["torchserve"] == 54.0
    assert found["stand_in"]["p50_ms"]["stand_in"] == 54.0
    assert "torchserve_ms" not in found["stand_in"]


def test_every_promise_has_a_row_and_is_kept_or_not(found):
    assert {row[-1] for row in differences.table(found)[1:]} == {"yes"}
    found["stand_in"]["everything_raw_ms"]["of_p50"] = 2.6
    found["p50_ms"]["cache_hit"] = 3.1
    broken = [row[0] for row in differences.table(found) if row[-1] == "no"]
    assert broken == ["  (a cache hit, the whole answer)", "the same with everything on, raw body"]
    assert len({len(row) for row in differences.table(found)}) == 1


def test_what_being_observed_costs_is_kept_at_p50_and_in_throughput_or_not(found):
    little = {"added_ms": {"of_p50": 0.3, "paired_p50": 0.3}, "of_unobserved": {"median": 0.97}}
    much = {"added_ms": {"of_p50": 0.31, "paired_p50": 0.3}, "of_unobserved": {"median": 0.96}}
    _, over_torchserve, over_stand_in = differences.observed_table(
        {**found, "observed": little, "stand_in": {**found["stand_in"], "observed": much}}
    )
    assert (over_torchserve[3], over_torchserve[-1]) == ("yes", "yes")
    assert (over_stand_in[3], over_stand_in[-1]) == ("no", "no")
