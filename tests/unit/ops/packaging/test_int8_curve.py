"""Which layers of an int8 network return to float, and where the search stops."""

from __future__ import annotations

import pytest

from ops.packaging.int8 import curve, search
from ops.packaging.int8.agreement import THRESHOLDS, Agreement
from ops.packaging.int8.compare import Comparison
from ops.packaging.int8.curve import Group, Step

WANTED = curve.bound(has_vnni=True)


def compared(share: float, difference: float | None, speed_up: float) -> Comparison:
    found = Agreement(10, 1000, 1000, dict.fromkeys(THRESHOLDS, round(1000 * share)), difference)
    return Comparison(found, 60.0, 60.0 / speed_up, 2)


def step(share: float, difference: float | None, speed_up: float, *names: str) -> Step:
    return Step(tuple(Group(name, (f"{name}.conv",), 0.05) for name in names), compared(share, difference, speed_up))


def test_layers_are_grouped_by_module_and_those_of_the_head_by_branch():
    work = {
        "__module.model.0.conv/aten::_convolution/Convolution": 10,
        "__module.model.10.cv1.conv/aten::_convolution/Convolution": 20,
        "__module.model.2.m.0.cv1.conv/aten::_convolution/Convolution": 5,
        "__module.model.2.cv2.conv/aten::_convolution/Convolution": 15,
        "__module.model.22.cv3.0.0.conv/aten::_convolution/Convolution": 10,
        "__module.model.22.cv3.0.1.conv/aten::_convolution/Convolution": 10,
        "__module.model.22.cv2.1.0.conv/aten::_convolution/Convolution": 20,
        "MatMul_7": 10,
    }
    attention = {"__module.model.10/aten::matmul/MatMul": 1000}  # not in int8
    found = {group.name: (len(group.layers), group.work) for group in curve.groups(list(work), work | attention, "22")}
    assert found == {
        "0": (1, 0.1), "10": (1, 0.2), "2": (2, 0.2), "22.cv3.0": (2, 0.2), "22.cv2.1": (1, 0.2), "MatMul_7": (1, 0.1)
    }  # fmt: skip


def test_groups_return_to_float_by_the_square_of_their_error_for_the_work_that_int8_saves():
    small, large, harmless = Group("2", ("a",), 0.01), Group("4", ("b",), 0.16), Group("6", ("c",), 0.01)
    ordered = curve.order([harmless, large, small], {"2": 0.01, "4": 0.02, "6": 0.0})
    assert [group.name for group in ordered] == ["2", "4", "6"]  # 4 changes twice as much, and is 16 times the work
    equal = curve.order([small, harmless], {"2": 0.01, "6": 0.01})
    assert [group.name for group in equal] == ["2", "6"]


def test_each_step_returns_a_part_of_the_work_worth_measuring_and_the_last_leaves_most_in_int8():
    groups = [Group(str(number), (str(number),), work) for number, work in enumerate((0.005, 0.02, 0.3, 0.1, 0.3))]
    names = [[group.name for group in made] for made in curve.steps(groups)]
    assert names == [[], ["0", "1"], ["0", "1", "2"], ["0", "1", "2", "3"]]


def test_the_fastest_step_within_the_bound_is_chosen():
    measured = [step(0.95, 0.025, 2.1), step(0.986, 0.014, 1.9, "0"), step(0.99, 0.01, 1.75, "0", "2")]
    assert curve.choose(measured, WANTED) is measured[1]


def test_without_a_step_within_the_bound_the_closest_that_is_fast_enough_is_chosen():
    measured = [step(0.95, 0.025, 2.1), step(0.97, 0.016, 1.72, "0"), step(0.99, 0.01, 1.6, "0", "2")]
    assert curve.choose(measured, WANTED) is measured[1]


def test_where_int8_itself_is_slow_a_step_may_cost_a_little_speed():
    measured = [step(0.95, 0.025, 1.5), step(0.97, 0.016, 1.4, "0"), step(0.99, 0.01, 1.2, "0", "2")]
    assert curve.choose(measured, WANTED) is measured[1]
    assert curve.document(measured, measured[1], WANTED)["met"] is False


def test_the_worst_figure_decides_and_no_boxes_meet_no_bound():
    assert WANTED.excess(compared(0.985, 0.015, 2).agreement) == pytest.approx(1.0)
    assert WANTED.excess(compared(0.97, 0.001, 2).agreement) == pytest.approx(2.0)
    assert WANTED.excess(compared(1.0, 0.03, 2).agreement) == pytest.approx(2.0)
    assert WANTED.excess(compared(0.0, None, 2).agreement) == float("inf")
    assert not WANTED.is_met(compared(1.0, 0.0, 1.6))
    assert curve.bound(has_vnni=False).is_met(compared(1.0, 0.0, 1.6))


def test_the_curve_is_shown_with_what_was_chosen_and_wanted():
    measured = [step(0.95, 0.0257, 2.1), step(0.97, 0.0161, 1.72, "0", "9", "2")]
    shown = [" ".join(line.split()) for line in curve.lines(measured, measured[1], WANTED)]
    assert shown == [
        "modules in float; boxes that overlap 0.5 0.75 0.9 |Δconf| speed-up",
        "none 95.0% 95.0% 95.0% 0.026 2.10",
        "0, 9, 2 97.0% 97.0% 97.0% 0.016 1.72 chosen",
        "wanted 98.5% 98.0% 97.0% 0.015 1.70",
    ]
    many = step(0.97, None, 1.0, *(f"22.cv3.{number}" for number in range(9)))
    assert len({line.index("97.0%") for line in curve.lines([*measured, many], many, WANTED)[2:3]}) == 1
    assert "…" in curve.lines([many], many, WANTED)[1]


def test_the_archive_records_every_step():
    measured = [step(0.95, 0.0257, 2.1), step(0.97, 0.0161, 1.72, "0", "9")]
    document = curve.document(measured, measured[1], WANTED)
    assert (document["met"], document["float_modules"], document["float_layers"]) == (
        *(False, ["0", "9"]), ["0.conv", "9.conv"]
    )  # fmt: skip
    assert document["wanted"] == {
        "of_both": {"0.5": 0.985, "0.75": 0.98, "0.9": 0.97}, "mean_conf_difference": 0.015, "speed_up": 1.7
    }  # fmt: skip
    assert document["steps"] == [
        {
            "float_modules": [], "float_work": 0, "of_both": {"0.5": 0.95, "0.75": 0.95, "0.9": 0.95},
            "mean_conf_difference": 0.0257, "speed_up": 2.1, "chosen": False,
        },
        {
            "float_modules": ["0", "9"], "float_work": 0.1, "of_both": {"0.5": 0.97, "0.75": 0.97, "0.9": 0.97},
            "mean_conf_difference": 0.0161, "speed_up": 1.72, "chosen": True,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("flags\t\t: fpu avx512_vnni\n", True),
        ("flags\t\t: avx2 avx_vnni\n", True),
        ("flags\t\t: avx2 avx512f\n", False),
        ("Features\t: fp asimd asimddp\n", True),
    ],
)
def test_vnni_is_read_from_the_processors_flags(tmp_path, cpuinfo, expected):
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert search.has_vnni(tmp_path / "cpuinfo") is expected
    assert search.has_vnni(tmp_path / "absent") is True
