"""The steps of an operation: shown one by one, and as a table at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.terminal import console
from ops.terminal.table import table


@dataclass
class Steps:
    """Title, duration in seconds and outcome of each step."""

    began: float = field(default_factory=time.monotonic)
    rows: list[tuple[str, float, str]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str, detail: Callable[[], str] = lambda: "") -> Iterator[list[str]]:
        """Run a step. The remarks that are appended to the list it yields are shown in the table."""
        start = time.monotonic()
        remarks: list[str] = []
        outcome = "failed"
        try:
            with console.progress(title, detail):
                yield remarks
            outcome = ""
        finally:
            self.rows.append((title, time.monotonic() - start, "; ".join(filter(None, [outcome, *remarks]))))

    @property
    def seconds(self) -> float:
        """Duration of the operation until now."""
        return time.monotonic() - self.began

    @property
    def took(self) -> dict[str, float]:
        """Seconds by step, for the audit trail."""
        return {title: round(seconds, 2) for title, seconds, _ in self.rows}

    def table(self) -> list[str]:
        """Return the aligned lines."""
        lines = table(
            [[title, f"{seconds:6.1f} s", remark] for title, seconds, remark in self.rows], ["step", "took", ""]
        )
        return [*lines, f"  in all {self.seconds:.1f} s"]

    def report(self, last: str) -> None:
        """Print the table and a last line."""
        console.say()
        for row in self.table():
            console.say(row)
        console.say(last)
