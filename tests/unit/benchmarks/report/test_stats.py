import pytest

from benchmarks.report import stats


def phase(latencies=(100.0,) * 10, window_s=1.0, **more):
    return {"latencies_ms": list(latencies), "window_s": window_s, "errors": {}, "answered": len(latencies), **more}


def test_percentiles_are_interpolated_between_neighbours():
    assert stats.percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5
    assert stats.percentile(list(range(101)), 99) == 99


def test_a_single_value_is_every_percentile_and_no_values_have_none():
    assert stats.percentile([7.0], 99) == 7.0
    assert stats.percentile([], 50) is None


def test_the_rate_refers_to_the_window():
    assert stats.rate(phase(window_s=2.0)) == 5.0
    assert stats.rate(phase(latencies=(), window_s=0.0)) == 0.0


def test_rounds_give_the_spread_of_rates_and_pooled_latencies():
    found = stats.summarise([phase([10.0] * 8), phase([20.0] * 10), phase([30.0] * 12)])
    assert found["images_per_s"] == {"median": 10.0, "min": 8.0, "max": 12.0}
    assert found["latency_ms"]["p50"] == 20.0
    assert found["images"] == 30


def test_errors_of_all_rounds_are_added_up_by_kind():
    found = stats.summarise([phase(errors={"503": 2}), phase(errors={"503": 1, "timeout": 1})])
    assert found["errors"] == {"503": 3, "timeout": 1}


def test_cpu_time_is_divided_by_all_answers_not_only_those_in_the_window():
    found = stats.summarise([phase([1.0] * 10, server_cpu_s=1.0, client_cpu_s=0.1) | {"answered": 20}])
    assert found["server_cpu_ms"] == pytest.approx(50)
    assert found["client_cpu_ms"] == pytest.approx(5)


def test_a_summary_without_answers_has_no_percentiles():
    found = stats.summarise([phase([], errors={"500": 3})])
    assert found["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert found["server_cpu_ms"] is None


def test_ratios_are_taken_round_by_round():
    # The machine is half as fast in the second round; the ratio does not change.
    assert stats.ratio([20.0, 10.0], [10.0, 5.0]) == {"median": 2.0, "min": 2.0, "max": 2.0}
    assert stats.ratio([20.0], []) is None


def test_the_drift_is_the_greatest_change_of_the_ceiling_within_a_round():
    assert stats.drift([10.0, 10.0], [10.5, 9.0]) == pytest.approx(0.1)
    assert stats.drift([], []) is None
