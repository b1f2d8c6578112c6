"""How commands end: what a program reads on stdout is never an error."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from ops.errors import NotNowError, OpsError
from ops.terminal.exit import run_command
from tests.support import ROOT


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (OpsError("it could not be done"), 1, "error: it could not be done"),
        (NotNowError("not now"), 8, "error: not now"),
        (OSError(28, "No space left on device"), 1, "error: the disk is full (while testing)"),
        (FileNotFoundError(2, "No such file", "a.yml"), 1, "error: No such file: a.yml (while testing)"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_failure_is_one_message_on_stderr_and_the_exit_code_of_its_kind(capsys, error, code, told):
    assert run_command(raising(error), "testing") == code
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True)


@pytest.mark.parametrize(
    "argv",
    [
        ["ops", "keys", "revoke", "nobody"],
        ["ops", "canary", "status", "--json"],
        ["ops", "predict", str(ROOT / "README.md"), "--out", "-", "--quiet"],
    ],
)
def test_programs_that_read_the_output_get_no_error_in_it(argv, tmp_path):
    environment = {**os.environ, "OPS_MANAGEMENT_URL": "http://127.0.0.1:9", "GATEWAY_URL": "http://127.0.0.1:9"}
    argv = [sys.executable, "-m", *argv]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")


def test_where_a_package_is_missing_it_says_what_installs_it(tmp_path):
    (tmp_path / "httpx.py").write_text("raise ModuleNotFoundError(name='httpx')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    argv = [sys.executable, "-m", "ops", "predict", str(ROOT / "README.md")]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs httpx" in done.stderr
    assert "bash scripts/predict.sh" in done.stderr


def test_a_terminal_that_lacks_a_character_gets_its_number_and_no_traceback(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    def work():
        print("packaging … caf\udce9.pt", flush=True)
        return 0

    assert run_command(work, "testing") == 0
    assert written.getvalue() == rb"packaging \u2026 caf\udce9.pt" + b"\n"
