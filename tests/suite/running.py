"""Steps that run beside each other, each as soon as those it waits for have ended. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

# Seconds that a test run gets to stop what it has started, after which it is killed.
_STOP_S = 120


@dataclass(frozen=True)
class Step:
    """A command, and the names of the steps that it waits for.

    Where a `required` step fails, those that wait for it are skipped, and so on. A `helper` only prepares: its failure
    shows in the tests that miss what it prepares.
    """

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()
    required: bool = False
    helper: bool = False


def with_what_they_need(steps: Sequence[Step], names: Collection[str]) -> list[Step]:
    """Return the named steps, and those that install or prepare for them. Other steps are not waited for."""
    waited_for = {name for step in steps if step.name in names for name in step.after}
    chosen = {
        step.name for step in steps if step.name in names or step.required or (step.helper and step.name in waited_for)
    }
    return [
        replace(step, after=tuple(name for name in step.after if name in chosen))
        for step in steps
        if step.name in chosen
    ]


@dataclass
class Outcome:
    """How a step ended: its exit code, None if it did not run; seconds on the clock, and of CPU time."""

    step: Step
    log: Path
    code: int | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def has_failed(self) -> bool:
        """Tell whether it counts as a failure of the suite."""
        return self.code != 0 and not self.step.helper


class Suite:
    """Runs steps; each writes to a log of its own, which is told whole when the step has ended."""

    def __init__(self, steps: Sequence[Step], logs: Path, tell: Callable[[str], None]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.outcomes = {step.name: Outcome(step, logs / f"{step.name}.log") for step in steps}
        self._tell, self._lock = tell, threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped = False

    def run(self) -> bool:
        """Run all steps. Return whether none has failed. On KeyboardInterrupt what runs is stopped first."""
        outcomes = list(self.outcomes.values())
        threads = [threading.Thread(target=self._run, args=(outcome,)) for outcome in outcomes]
        try:
            for thread in threads:
                thread.start()
            # Not `join`: in Python 3.11, one that is interrupted takes the thread for ended, and it would still write
            # when Python shuts down.
            for outcome in outcomes:
                outcome.ended.wait()
        except BaseException:
            self._stop()
            for thread, outcome in zip(threads, outcomes, strict=True):
                if thread.ident is None:
                    outcome.ended.set()  # it was not started; others wait for its end
            for outcome in outcomes:
                outcome.ended.wait()
            raise
        finally:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        return not any(outcome.has_failed for outcome in self.outcomes.values())

    def _run(self, outcome: Outcome) -> None:
        try:
            for earlier in (self.outcomes[name] for name in outcome.step.after):
                earlier.ended.wait()
                if earlier.code is None or (earlier.code and earlier.step.required):
                    return
            self._execute(outcome)
        finally:
            outcome.ended.set()

    def _execute(self, outcome: Outcome) -> None:
        step, began = outcome.step, time.monotonic()
        with self._lock:
            if self._stopped:
                return
            # A process group of its own: an interrupt reaches it once, from `_stop`, and not from the terminal too.
            with outcome.log.open("wb") as log:
                process = self._running[step.name] = subprocess.Popen(
                    step.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0
                )
            if not step.helper:
                self._tell(f"+ {step.name} (log: {outcome.log})")
        _, status, usage = os.wait4(process.pid, 0)
        with self._lock:
            process.returncode = outcome.code = os.waitstatus_to_exitcode(status)
            del self._running[step.name]
            outcome.seconds, outcome.cpu_s = time.monotonic() - began, usage.ru_utime + usage.ru_stime
            if not step.helper:
                self._tell(f"\n===== {step.name} =====\n{outcome.log.read_text(errors='replace')}")

    def _stop(self) -> None:
        """Interrupt what runs, as Ctrl-C does; kill what does not end, at once where Ctrl-C is pressed again."""
        with self._lock:
            self._stopped = True
        with contextlib.suppress(KeyboardInterrupt):
            self._signal(signal.SIGINT)
            deadline = time.monotonic() + _STOP_S
            while self._running and time.monotonic() < deadline:
                time.sleep(0.1)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            for process in self._running.values():
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.killpg(process.pid, number)
