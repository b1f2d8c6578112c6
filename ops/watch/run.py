"""Look at the service again and again, until Ctrl-C or for a number of times."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from rich.console import Console, RenderableType
from rich.live import Live

from ops.gateways.metrics import Scrape, Span
from ops.system import settings
from ops.terminal.console import say
from ops.watch import view
from ops.watch.look import Look, Watcher

#: Rates and percentiles are of so many seconds: those of one alone jump.
SPAN_S = 10.0
#: Columns of a block where there is no terminal.
COLUMNS = 120


@dataclass
class History:
    """The scrapes of the last seconds."""

    scrapes: deque[Scrape] = field(default_factory=deque)

    def add(self, scrape: Scrape | None) -> Span | None:
        """Add a scrape and return the span until it, None for the first one or without metrics."""
        if scrape is None:
            self.scrapes.clear()  # the gateway is away, and may count from 0 when it is back
            return None
        self.scrapes.append(scrape)
        while len(self.scrapes) > 2 and scrape.at - self.scrapes[1].at >= SPAN_S:
            self.scrapes.popleft()
        return Span(self.scrapes[0], scrape) if len(self.scrapes) > 1 else None


def watch(interval_s: float, times: int | None) -> bool:
    """Show the service every `interval_s` seconds, `times` times or until Ctrl-C. Returns whether it was ready last.

    Raises OpsError for invalid settings.
    """
    gateway = settings.load().gateway
    watcher, history = Watcher(gateway), History()
    look: Look | None = None
    due = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt), _shown() as show:
        for _ in range(times) if times else count():
            time.sleep(max(due - time.monotonic(), 0))
            due = time.monotonic() + interval_s
            look = watcher.look(time.monotonic())
            title = f"{gateway}  {datetime.now().astimezone():%H:%M:%S}"
            show(view.screen(title, look, history.add(look.scrape)))
    if look is None:
        return False
    if sys.stdout.isatty():
        say(f"{'ready' if look.readiness else 'not ready'}: {look.readiness.message}")
    return bool(look.readiness)


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[RenderableType], None]]:
    """Yield what shows a view: on a terminal in place of the one before, otherwise as a block of text."""
    if sys.stdout.isatty():
        with Live(console=Console(), screen=True, auto_refresh=False) as live:
            yield lambda seen: live.update(seen, refresh=True)
        return
    console = Console(width=None if os.environ.get("COLUMNS") else COLUMNS)

    def print_block(seen: RenderableType) -> None:
        console.print(seen)
        say()

    yield print_block
