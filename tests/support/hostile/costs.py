"""What a call costs: seconds of CPU time, and bytes of memory at its highest point. Linux alone has the figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """The cost of a call, and what it returned or raised."""

    cpu_s: float
    memory: int
    result: object


def measure(call: Callable[[], object]) -> Cost:
    """Call it, in a process in which nothing else runs."""
    before, started = reset_peak(), time.process_time()
    try:
        result: object = call()
    except Exception as error:
        result = error
    return Cost(time.process_time() - started, max(0, peak() - before), result)


def reset_peak(process: int | str = "self") -> int:
    """Forget the highest memory of a process so far; return the present one, in bytes."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    # Not VmRSS: what the garbage collector frees from here on would count as taken.
    return _memory("VmHWM", process)


def peak(process: int | str = "self") -> int:
    """Return the highest memory of a process since it began, or since `reset_peak`, in bytes."""
    return _memory("VmHWM", process)


def _memory(name: str, process: int | str) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
