"""What one call costs: seconds of CPU time, and bytes of memory at its highest point."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """The cost of a call, and what it returned or raised."""

    cpu_s: float
    memory: int
    result: object


def measure(call: Callable[[], object]) -> Cost:
    """Call it, in a process in which nothing else runs. Linux alone has the figures."""
    _CLEAR.write_text("5")  # the highest point so far is the present one
    before, started = _memory("VmRSS"), time.process_time()
    try:
        result: object = call()
    except Exception as error:
        result = error
    return Cost(time.process_time() - started, max(0, _memory("VmHWM") - before), result)


def _memory(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
