import pytest

from benchmarks.report import overload_promises
from tests.unit.benchmarks.report.overload_results import stack, step

MAX_WAIT_S = 2.0


def broken(found):
    return [one.title for one in overload_promises.judge(found, MAX_WAIT_S) if not one.kept]


def test_a_run_within_all_bounds_keeps_every_promise():
    found = overload_promises.judge(stack(), MAX_WAIT_S)
    assert len(found) == 3 * 4 + 1 + 1 + 2
    assert {one.kept for one in found} == {True}


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"of_possible": 0.94}, "5× capacity: goodput, of the best closed-loop rate"),
        # MAX_WAIT_S and two service times are 2400 ms.
        ({"latency_ms": {"p50": 1.0, "p99": 2401.0}}, "5× capacity: p99 of answers, MAX_WAIT_S + 2 service times"),
        ({"refusal_ms": {"p50": 1.0, "p99": 101.0}}, "5× capacity: p99 of refusals"),
        ({"for_nobody": 9}, "5× capacity: inferred for nobody"),
    ],
)
def test_each_bound_above_the_capacity_can_be_broken(change, title):
    found = stack()
    found["loads"]["500"] |= change
    assert broken(found) == [title]


def test_a_steady_load_has_to_be_answered_within_three_service_times():
    found = stack()
    found["scenes"]["steady"] = step(8.0, 601.0)
    assert broken(found) == ["80 % of the capacity: p99 of answers"]


def test_pictures_of_clients_that_leave_are_hardly_ever_inferred():
    found = stack()
    found["scenes"]["leaving"] |= {"inferred": 100, "for_nobody": 6}
    assert broken(found) == ["200 %, clients leave after 1 s: inferred for nobody"]


def test_the_small_caller_gets_half_or_all_that_it_asks_for():
    found = stack()
    found["scenes"]["callers"]["few"] |= {"answered": 20, "requests": 20}
    assert not broken(found)
    found["scenes"]["callers"]["few"] |= {"requests": 40}
    assert broken(found) == ["2 of 62 connections: the small caller's share"]


def test_a_value_that_was_not_measured_is_neither_kept_nor_broken():
    found = stack()
    found["loads"]["500"]["refusal_ms"] = {"p50": None, "p99": None}
    (row,) = [one for one in overload_promises.judge(found, MAX_WAIT_S) if one.kept is None]
    assert (row.title, row.measured) == ("5× capacity: p99 of refusals", "–")


def test_only_measured_loads_are_judged():
    found = stack(scenes={})
    found["loads"] = {"200": step()}
    assert len(overload_promises.judge(found, MAX_WAIT_S)) == 4
