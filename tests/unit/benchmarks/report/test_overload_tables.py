import pytest

from benchmarks.report import overload_promises, overload_tables, tables
from tests.unit.benchmarks.report.overload_results import results, stack


@pytest.fixture
def found():
    return results()


def test_every_contestant_has_a_row_for_every_load(found):
    rows = overload_tables.loads(found)
    assert [row[:2] for row in rows[1:]] == [
        *(["This stack", load] for load in ("0.5×", "2×", "5×", "10×")),
        *(["LitServe", load] for load in ("0.5×", "10×")),
    ]
    assert rows[4][2:] == ["100.0", "9.6", "96%", "1050 / 2100", "5 / 40", "503 1800", "2", "0.5"]
    assert len({len(row) for row in rows}) == 1


def test_a_server_that_is_still_busy_when_the_counting_ends_has_lower_bounds(found):
    assert overload_tables.loads(found)[-1][5:] == ["–", "–", "timeout 2000", "≥ 350", "> 0.5"]


def test_a_contestant_that_did_not_start_has_a_row_of_dashes(found):
    found["contestants"]["litserve_yolo"] = {"title": "LitServe", "shape": "2×1", "refused": "no room"}
    rows = overload_tables.loads(found)
    assert rows[-1][:3] == ["LitServe", "left out", "–"]
    assert len({len(row) for row in rows}) == 1
    assert len(overload_tables.capacities(found)) == 2


def test_the_scenes_of_this_stack_have_rows_of_their_own(found):
    titles = [row[0] for row in overload_tables.scenes(found)]
    assert titles == [
        "this stack alone", *(overload_tables.SCENES[name] for name in ("steady", "leaving", "many", "few")),
    ]  # fmt: skip
    found["contestants"].pop("stack_gateway")
    assert overload_tables.scenes(found) == []


@pytest.mark.parametrize("table", [tables.aligned, tables.markdown])
def test_the_report_names_conditions_promises_and_notes(found, table):
    text = overload_tables.render(found, overload_promises.judge(stack(), 2.0), table, "overload.png")
    for part in ("2026-01-02", "20 s per load", "MAX_WAIT_S=2", "10× capacity: p99 of refusals", "(overload.png)"):
        assert part in text
