"""Steps of the suite wait for what they name and for nothing else; each is reported, and an interrupt ends them all."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.suite.__main__ import STEPS
from tests.suite.running import Step, Suite, with_what_they_need
from tests.support import ROOT, wait_until

#: Write a mark, wait for other marks, and end with a code: mark MINE CODE OTHERS.
_MEET = """
import pathlib, sys, time
mine, code, *others = sys.argv[1:]
pathlib.Path(mine).touch()
while not all(map(pathlib.Path.exists, map(pathlib.Path, others))): time.sleep(0.01)
print(f"{mine} said this")
sys.exit(int(code))
"""


@pytest.fixture
def told() -> list[str]:
    return []


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code, *arguments)


def suite(folder: Path, told: list[str], *steps: Step) -> Suite:
    return Suite(steps, folder / "logs", told.append)


def test_steps_run_at_the_same_time_and_each_is_told_whole_when_it_ends(tmp_path: Path, told: list[str]) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    run = suite(tmp_path, told, Step("one", python(_MEET, a, "0", b)), Step("two", python(_MEET, b, "0", a)))
    assert run.run(), "each waits for the other's mark"
    for name, mark in (("one", a), ("two", b)):
        assert f"\n===== {name} =====\n{mark} said this\n" in told
        assert run.outcomes[name].code == 0
        assert 0 < run.outcomes[name].cpu_s <= run.outcomes[name].seconds * 1.5


def test_a_step_that_fails_keeps_no_other_from_running_and_fails_the_suite(tmp_path: Path, told: list[str]) -> None:
    steps = [Step("first", python("raise SystemExit(3)")), Step("second", python("print('here')"), after=("first",))]
    run = suite(tmp_path, told, *steps)
    assert not run.run()
    assert [outcome.code for outcome in run.outcomes.values()] == [3, 0]
    assert "\n===== second =====\nhere\n" in told


def test_what_waits_for_a_required_step_that_failed_is_not_run_and_fails_too(tmp_path: Path, told: list[str]) -> None:
    steps = [
        Step("first", python("raise SystemExit(3)"), required=True),
        Step("second", python("print('here')"), after=("first",)),
        Step("third", python("print('here')"), after=("second",)),
    ]
    run = suite(tmp_path, told, *steps)
    assert not run.run()
    for name in ("second", "third"):
        assert run.outcomes[name].code is None
        assert run.outcomes[name].has_failed


def test_a_helper_that_fails_is_no_failure_of_the_suite(tmp_path: Path, told: list[str]) -> None:
    run = suite(tmp_path, told, Step("helper", python("raise SystemExit(3)"), helper=True))
    assert run.run()
    assert told == []


def runs(pid: int) -> bool:
    """Return whether a process runs: one whose parent was killed with it may wait to be noticed by another."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def interrupted(folder: Path, number: signal.Signals, *, deaf: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Run a suite, a step of which starts a child; send it a signal once the child runs. At the end all is gone.

    A step that is `deaf` ignores an interrupt, and so does its child.
    """
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    head = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " if deaf else ""
    code = f"""
import subprocess, sys
from pathlib import Path
from tests.suite import __main__ as suite
suite.ROOT = Path({str(folder)!r})
both = f"{head}import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {{{child!r}!r}}])"
suite.STEPS = [
    suite.Step("long", (sys.executable, "-S", "-c", both)),
    suite.Step("later", (sys.executable, "-c", "print('here')"), after=("long",)),
]
sys.exit(suite.main())
"""
    log = folder / ".run/tests/long.log"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        try:
            wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the child of the step runs")
            pid = int(log.read_text())
            running.send_signal(number)
            yield running
            said, _ = running.communicate(timeout=120)
        except BaseException:  # else the end of the block would wait for it
            for process in [*psutil.Process(running.pid).children(recursive=True), running]:
                process.kill()
            raise
    assert running.returncode == 130, said
    assert not (folder / ".run/tests/later.log").exists()
    wait_until(lambda: not runs(pid), "the child has ended")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_what_runs_with_its_children_and_starts_nothing_more(
    tmp_path: Path, number: signal.Signals
) -> None:
    with interrupted(tmp_path, number):
        pass


def test_an_interrupt_before_all_steps_are_started_stops_those_that_run(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [Step("long", python("import time; time.sleep(600)")), Step("later", python("print()"), after=("last",))]
    run, start = suite(tmp_path, told, *steps, Step("last", python("print()"))), threading.Thread.start

    def start_or_interrupt(thread: threading.Thread) -> None:
        if len(started) == 2:
            wait_until(lambda: run._running, "the first step runs")
            raise KeyboardInterrupt
        started.append(thread)
        start(thread)

    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", start_or_interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    first, *others = (outcome.code for outcome in run.outcomes.values())
    assert first not in (None, 0)
    assert others == [None, None]
    assert not any(thread.is_alive() for thread in started)


def test_a_second_interrupt_kills_what_does_not_end(tmp_path: Path) -> None:
    with interrupted(tmp_path, signal.SIGINT, deaf=True) as running:
        time.sleep(0.5)  # it is given time to end
        assert running.poll() is None
        running.send_signal(signal.SIGINT)


def test_one_ring_runs_with_what_it_needs_and_waits_for_no_other() -> None:
    steps = [
        Step("install", ("true",), required=True),
        Step("images", ("true",), helper=True),
        Step("gateway", ("true",), ("install",)),
        Step("compose", ("true",), ("images", "gateway")),
        Step("native", ("true",), ("gateway",)),
    ]
    chosen = with_what_they_need(steps, ["compose"])
    assert [(step.name, step.after) for step in chosen] == [("install", ()), ("images", ()), ("compose", ("images",))]
    assert [step.name for step in with_what_they_need(steps, ["native"])] == ["install", "native"]


def test_every_test_of_the_tree_belongs_to_one_ring_of_the_suite() -> None:
    names = [step.name for step in STEPS]
    assert {name for step in STEPS for name in step.after} <= set(names)
    paths = [word for step in STEPS if "pytest" in step.command for word in step.command if word.startswith("tests/")]
    for test in (ROOT / "tests").rglob("test_*.py"):
        name = test.relative_to(ROOT).as_posix()
        assert len([path for path in paths if name.startswith(f"{path}/")]) == 1, name
