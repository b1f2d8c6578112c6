"""What surrounds a run: the progress bar, the lock, the CPUs, and the signals that end it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.paths import WORK
from ops.errors import OpsError
from ops.terminal.console import say

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(*_: object) -> None:
    """End as after Ctrl-C; further signals do not disturb the servers' being stopped."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def end_cleanly() -> None:
    """Let every signal that ends a program end this one with its servers stopped."""
    for number in ENDING:
        signal.signal(number, interrupt)


@dataclass
class Bar:
    """A progress bar in seconds; lines are printed above it."""

    progress: Progress
    task: TaskID

    def tick(self, passed: float) -> None:
        """Move on by some seconds."""
        self.progress.advance(self.task, passed)

    def say(self, text: str) -> None:
        """Print above the bar; what is being done stays readable in it."""
        self.progress.update(self.task, description=text.strip().splitlines()[0][:44])
        if sys.stdout.isatty():
            self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)


@contextlib.contextmanager
def bar(total: float) -> Iterator[Bar]:
    """Show a progress bar for about `total` seconds. Redrawn twice a second, so that it costs the race nothing."""
    columns = (
        TextColumn("{task.description:<44}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(), refresh_per_second=2, disable=not sys.stdout.isatty()) as progress:
        yield Bar(progress, progress.add_task("starting", total=total))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep a second race of this checkout away: both would be wrong. Raises OpsError when one runs."""
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError(
                "another race of this checkout is running; wait for it, or stop it with Ctrl-C there"
            ) from None
        yield


def pin(cpus: list[int] | None) -> list[int]:
    """Keep this process, and all that it starts, to these CPUs; return those in force. Raises OpsError."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))
    if cpus:
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            raise OpsError(f"CPUs {cpus} are not to be had here: {error.strerror}") from error
    return sorted(os.sched_getaffinity(0))
