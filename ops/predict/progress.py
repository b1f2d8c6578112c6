"""Progress on standard error: a bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ops.predict.tally import Tally
from ops.terminal.console import HEARTBEAT_S, say_to_stderr


@contextmanager
def progress(tally: Tally, total: int | None, quiet: bool) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each picture; `total` None is a run without an end."""
    if quiet:
        yield lambda: None
    elif not sys.stderr.isatty() or find_spec("rich") is None:
        yield _heartbeat(tally, total)
    else:
        from rich.console import Console  # needed nowhere else
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:  # other lines print above it
            task = bar.add_task("", total=total, rate="")
            yield lambda: bar.update(task, completed=tally.through, rate=f"{tally.rate:.1f} images/s")


def _heartbeat(tally: Tally, total: int | None) -> Callable[[], None]:
    last = time.monotonic()

    def moved() -> None:
        nonlocal last
        if time.monotonic() - last >= HEARTBEAT_S:
            last = time.monotonic()
            of = "" if total is None else f" of {total}"
            say_to_stderr(f"  {tally.through}{of} pictures, {tally.rate:.1f} images/s")

    return moved
