import subprocess
import sys

import pytest

from benchmarks import options
from benchmarks.contestants import roster
from benchmarks.plan import FULL, OVERLOAD, QUICK, Shape
from tests.support import ROOT


def test_a_race_of_everyone_at_full_length_is_the_latest():
    chosen = options.parse([])
    assert options.plan_of(chosen) == FULL
    assert options.results_name(chosen) == "latest"
    assert len(chosen.contestants) == len(roster.ALL) - 2  # int8 only when asked for


@pytest.mark.parametrize("argument", [["--quick"], ["--seconds", "2"], ["--clients", "4"], ["--only", "stack_gateway"]])
def test_a_shortened_race_leaves_the_latest_results_alone(argument):
    assert options.results_name(options.parse(argument)) == "quick"


def test_quick_has_fewer_contestants_and_takes_about_two_minutes():
    chosen = options.parse(["--quick"])
    servers = roster.servers_of(chosen.contestants)
    assert {one.name for one in chosen.contestants} == {
        "fastapi_yolo", "litserve_yolo", "litserve_openvino", "stack_gateway",
    }  # fmt: skip
    assert QUICK.duration_s(len(chosen.contestants), len(servers)) < 130


def test_numbers_and_shapes_are_read():
    chosen = options.parse(["--clients", "16,1,4,4", "--cpus", "0,2-4", "--shape", "2x1", "--own-shape", "1×2"])
    assert chosen.clients == (1, 4, 16)
    assert chosen.cpus == [0, 2, 3, 4]
    assert (chosen.shape, chosen.own_shape) == (Shape(2, 1), Shape(1, 2))


@pytest.mark.parametrize(
    "bad",
    [
        ["--only", "nobody"],
        ["--only", "stack_int8_gateway"],
        ["--clients", "0"],
        ["--clients", "four"],
        ["--seconds", "0"],
        ["--shape", "2"],
        ["--what"],
    ],
)
def test_an_invalid_command_line_ends_with_code_2(bad, capsys):
    with pytest.raises(SystemExit) as ended:
        options.parse(bad)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_int8_takes_an_optional_file_and_adds_its_contestants():
    assert options.parse(["--int8"]).int8 == "auto"
    chosen = options.parse(["--int8", "a.mar", "--only", "stack_int8_direct"])
    assert (chosen.int8, [one.name for one in chosen.contestants]) == ("a.mar", ["stack_int8_direct"])


def test_a_bare_python_can_check_the_command_line():
    # -S: no site-packages. The check runs before anything is installed.
    done = subprocess.run([sys.executable, "-S", "-m", "benchmarks.options", "--quick"], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_paths_are_relative_to_the_caller_s_folder(monkeypatch):
    monkeypatch.setenv("CALLER_PWD", "/caller")
    chosen = options.parse(["--weights", "a.pt", "--pictures", "/photos", "--int8", "a.mar"])
    assert (str(chosen.weights), str(chosen.pictures), chosen.int8) == ("/caller/a.pt", "/photos", "/caller/a.mar")
    assert options.parse(["--int8"]).int8 == "auto"


def test_an_overload_has_contestants_loads_and_results_of_its_own():
    chosen = options.parse(["--overload"])
    assert tuple(one.name for one in chosen.contestants) == roster.OVERLOADED
    assert options.overload_plan_of(chosen) == OVERLOAD
    assert options.results_name(chosen) == "overload"
    assert OVERLOAD.duration_s(len(chosen.contestants) - 1, 1) < 20 * 60
    alone = options.parse(["--overload", "--only", "stack_gateway", "--seconds", "3", "--loads", "100,1000"])
    assert options.results_name(alone) == "overload-quick"
    assert [one.name for one in alone.contestants] == ["stack_gateway"]
    plan = options.overload_plan_of(alone)
    assert (plan.seconds, plan.loads, plan.patience_s) == (3.0, (100, 1000), OVERLOAD.patience_s)
