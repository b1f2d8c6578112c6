"""The parsers: read by any Python, without abbreviations, with help for a newcomer and values for the scripts."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from ops import errors
from ops.__main__ import parser
from ops.cli import shell
from ops.cli.parser import EXIT_CODES
from ops.errors import UsageError
from tests.support import ROOT, documents

SCRIPTS = sorted(
    command
    for path in (ROOT / "scripts").glob("*.sh")
    for command in re.findall(r"^(?:read_command_line|operate) ([a-z-]+) ", path.read_text(), re.M)
)


def ops(*argv: str, cwd=ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with the standard library alone."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "ops", *argv],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def evaluate(code: str, *names: str) -> list[str]:
    """Return the variables that bash code sets."""
    shown = "".join(f"printf '%s\\0' \"${name}\";" for name in names)
    done = subprocess.run(["bash", "-euc", f"eval {shlex.quote(code)}; {shown}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def test_every_script_names_a_command():
    assert len(SCRIPTS) > 12
    assert set(SCRIPTS) <= set(re.findall(r"^    ([a-z-]+)\b", parser().format_help(), re.M))


@pytest.mark.parametrize("command", SCRIPTS)
def test_the_help_of_a_script_needs_only_the_standard_library(command):
    done = ops(command, "--help")
    assert done.returncode == 0, done.stderr
    assert re.match(r"usage: bash scripts/[a-z_]+\.sh ", done.stdout)


def test_the_help_of_a_command_includes_that_of_its_actions():
    shown = ops("canary", "--help").stdout
    for action in ("start", "set", "promote", "abort", "auto", "status"):
        assert f"usage: bash scripts/canary.sh {action} " in shown
    assert "idle" not in ops("bluegreen", "--help").stdout, "for the scripts alone"


def test_an_abbreviation_is_an_unknown_argument():
    done = ops("canary", "promote", "--dry")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: bash scripts/canary.sh promote ")
    assert "unrecognized arguments: --dry" in done.stderr


def test_every_exit_code_has_one_meaning_in_help_and_documentation():
    def kinds(kind):
        return {kind.exit_code}.union(*map(kinds, kind.__subclasses__()))

    codes = kinds(errors.OpsError) - {errors.RestartNeededError.exit_code}  # the scripts restart TorchServe and go on
    assert set(EXIT_CODES) == {0, 130} | codes
    assert all(f"{code}  " in errors.__doc__ for code in codes)
    documented = {int(row[0]) for row in documents.table_rows("| exit code |")}
    assert set(EXIT_CODES) == documented


def test_the_scripts_learn_from_the_parser_what_was_given(tmp_path):
    argv = ["redeploy", "new best.pt", "--docker", "--int8", "--calibration", "photos", "--note", "it's 'two' words"]
    code = ops("--for-shell", *argv, CALLER_PWD="/some where").stdout
    names = ("where", "weights", "int8", "calibration", "note", "dry_run", "version")
    assert evaluate(code, *names) == [
        *("docker", "/some where/new best.pt", "yes", "/some where/photos", "it's 'two' words", "", "")
    ]
    code = ops("--for-shell", "redeploy", "--int8=fast", "a.pt", "--calibration", "photos", CALLER_PWD="/x").stdout
    assert evaluate(code, "weights", "int8") == ["/x/a.pt", "fast"]
    code = ops("--for-shell", "redeploy", "--int8", "a.pt", "--calibration", "photos", CALLER_PWD="/x").stdout
    assert evaluate(code, "weights", "int8") == ["/x/a.pt", "yes"]
    code = ops("--for-shell", "canary", "start", "1.1", "--percent", "5", "--dry-run", CALLER_PWD="/x").stdout
    assert evaluate(code, "weights", "action", "dry_run") == ["1.1", "start", "yes"]


def test_ops_sh_declares_every_variable_that_the_parser_sets():
    declared = re.findall(r"\b([a-z_0-9]+)=''", (ROOT / "scripts/ops.sh").read_text())
    assert set(declared) == set(shell.NAMES)


def test_a_help_that_the_shell_evaluates_prints_it_and_exits():
    code = ops("--for-shell", "canary", "set", "--help").stdout
    done = subprocess.run(["bash", "-c", f"eval {shlex.quote(code)}; echo on"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ops("canary", "set", "--help").stdout)


@pytest.mark.parametrize(
    "argv",
    [
        ["redeploy"],
        ["redeploy", "a.pt", "--int8"],
        ["redeploy", "a.pt", "--int8=best", "--calibration", "photos"],
        ["redeploy", "a.pt", "b.pt"],
        ["releases", "prune"],
        ["releases", "prune", "--keep", "many"],
        ["canary"],
        ["canary", "burn"],
        ["canary", "set", "101"],
        ["canary", "start", "a.pt", "--percent", "5", "--force"],
        ["experiment", "start", "night"],
        ["bluegreen", "up", "--image", "a b"],
        ["bluegreen", "up", "--image", "a", "--build"],
        ["bluegreen", "back", "--accept-drift"],
    ],
)
def test_wrong_usage_is_exit_2_and_gives_the_scripts_nothing_to_evaluate(argv):
    done = ops("--for-shell", *argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr


def test_the_first_version_of_an_operation_is_not_quantized():
    with pytest.raises(UsageError, match="--if-needed"):
        shell.assignments(parser(), ["package", "--if-needed", "--int8", "--calibration", "photos"])
