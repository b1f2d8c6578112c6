"""The setting of a run: the progress bar, the lock, the CPUs, and the signals that end it."""

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

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(*_: object) -> None:
    """End as after Ctrl-C. Further signals are ignored while the servers are stopped."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def stop_servers_on_signals() -> None:
    """Make every signal that ends this process stop its servers first."""
    for number in SIGNALS:
        signal.signal(number, interrupt)


@dataclass
class Bar:
    """A progress bar in seconds; lines are printed above it."""

    progress: Progress
    task: TaskID

    def tick(self, seconds: float) -> None:
        """Advance by some seconds."""
        self.progress.advance(self.task, seconds)

    def say(self, text: str) -> None:
        """Print a line above the bar and use its beginning as the bar's description."""
        self.progress.update(self.task, description=text.strip().splitlines()[0][:44])
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def bar(total_s: float) -> Iterator[Bar]:
    """Show a progress bar for about `total_s` seconds. It is drawn only twice a second, to leave the CPUs alone."""
    columns = (
        TextColumn("{task.description:<44}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(), refresh_per_second=2, disable=not sys.stdout.isatty()) as progress:
        yield Bar(progress, progress.add_task("starting", total=total_s))


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Prevent a second run in this checkout, which would distort both. Raises OpsError when there is one."""
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError("another race of this checkout is running; wait for it, or stop it with Ctrl-C") from None
        yield


def pin(cpus: list[int] | None) -> list[int]:
    """Restrict this process and its children to these CPUs; return the CPUs in force. Raises OpsError."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))
    if cpus:
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            raise OpsError(f"CPUs {cpus} are not available: {error.strerror}") from error
    return sorted(os.sched_getaffinity(0))
