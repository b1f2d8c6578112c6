import pytest

from benchmarks.report import goodput


def test_an_answer_counts_when_it_arrives_while_the_load_lasts():
    outcomes = [[0.0, 100.0, "200"], [1.0, 300.0, "200"], [1.9, 200.0, "200"]]
    found = goodput.summarise(outcomes, 2.0)
    assert (found["answered"], found["goodput_per_s"], found["offered_per_s"]) == (3, 1.0, 1.5)
    assert found["latency_ms"]["p50"] == 200.0


def test_refusals_have_times_of_their_own_and_count_as_errors_by_kind():
    outcomes = [[0.0, 2.0, "503"], [0.1, 4.0, "429"], [0.2, 900.0, "200"], [0.3, 9000.0, "timeout"], [0.4, 1.0, "500"]]
    found = goodput.summarise(outcomes, 1.0)
    assert found["refusal_ms"]["p50"] == 3.0
    assert found["refused"] == 2
    assert found["errors"] == {"503": 1, "429": 1, "timeout": 1, "500": 1}
    assert found["latency_ms"] == {"p50": 900.0, "p99": 900.0}


def test_a_load_without_answers_has_no_latency():
    found = goodput.summarise([[0.0, 10_000.0, "timeout"]], 1.0)
    assert (found["goodput_per_s"], found["latency_ms"]) == (0.0, {"p50": None, "p99": None})


def test_pictures_beyond_the_answers_were_inferred_for_nobody():
    assert goodput.for_nobody(120, 100) == 20
    assert goodput.for_nobody(99, 100) == 0  # the counter may lag


@pytest.mark.parametrize(("offered", "share"), [(5.0, 0.8), (10.0, 0.4), (100.0, 0.4)])
def test_goodput_is_compared_with_the_capacity_or_with_the_offer_if_that_is_less(offered, share):
    load = {"goodput_per_s": 4.0, "offered_per_s": offered}
    assert goodput.with_capacity(load, 10.0)["of_possible"] == pytest.approx(share)
