"""What a person sees meanwhile, on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ops.predict.tally import Tally
from ops.terminal.console import HEARTBEAT_S


@dataclass
class Watch:
    """Shows a run's progress; `total` None is a run without an end."""

    console: Console
    tally: Tally
    total: int | None
    quiet: bool = False
    _bar: Progress | None = None
    _task: TaskID | None = None
    _told: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Print a line about one picture, above the bar."""
        self.console.print(f"error: {text}", markup=False, highlight=False, soft_wrap=True)

    def moved(self) -> None:
        """One more picture is through."""
        through = self.tally.done + self.tally.failed
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=through, rate=f"{self.tally.rate:.1f} images/s")
        elif not self.quiet and time.monotonic() - self._told >= HEARTBEAT_S:
            self._told = time.monotonic()
            of = "" if self.total is None else f" of {self.total}"
            self.say(f"  {through}{of} pictures, {self.tally.rate:.1f} images/s")

    def say(self, text: str) -> None:
        """Print a line as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def watching(tally: Tally, total: int | None, quiet: bool) -> Iterator[Watch]:
    """Show a bar while this lasts, where somebody can see it."""
    console = Console(stderr=True)
    watch = Watch(console, tally, total, quiet)
    if quiet or not console.is_terminal:
        yield watch
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        watch._bar, watch._task = bar, bar.add_task("", total=total, rate="")
        yield watch
