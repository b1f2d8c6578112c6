"""Output on the terminal: lines, sizes, and the progress of a step that takes long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Without a terminal a line every 15 seconds replaces the spinner.
HEARTBEAT_S = 15.0
SPINNER_S = 0.2


def say(text: str = "") -> None:
    """Print a line, unbuffered."""
    print(text, flush=True)


def say_to_stderr(text: str) -> None:
    """Print a line to stderr, unbuffered, so that a program which reads stdout does not get it."""
    print(text, file=sys.stderr, flush=True)


def size(count: float) -> str:
    """Return a number of bytes as text, such as `66.1 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


@contextmanager
def progress(title: str, detail: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Show the title of a step, how long it takes and how it ends. `detail` returns what it is doing now."""
    start = time.monotonic()
    terminal = sys.stdout.isatty()
    over = threading.Event()

    def line() -> str:
        extra = detail()
        return f"  {title} … {time.monotonic() - start:.0f} s" + (f"  {extra[:70]}" if extra else "")

    def show() -> None:
        while not over.wait(SPINNER_S if terminal else HEARTBEAT_S):
            print(f"\r\033[K{line()}" if terminal else line(), end="" if terminal else "\n", flush=True)

    if not terminal:
        say(f"  {title} …")
    beat = threading.Thread(target=show, daemon=True)
    beat.start()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        over.set()
        beat.join()
        head = "\r\033[K" if terminal else ""
        say(f"{head}  {title}: {outcome} ({time.monotonic() - start:.1f} s)")
