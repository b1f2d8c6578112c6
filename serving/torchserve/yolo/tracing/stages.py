"""When the stages of an image began, as a header of the answer, from which the caller makes spans of its trace.

The worker exports no spans itself: in Compose it has no way out of the network of the model server, an exporter in each
worker would take memory and a thread, and a version that is packaged with its handler should not depend on one.
"""

from __future__ import annotations

import time
from typing import TypeAlias

HEADER = "X-Trace-Stages"
#: The begin and the end of each stage, in seconds of `time.perf_counter`.
Stages: TypeAlias = dict[str, tuple[float, float]]


def header(stages: Stages) -> str:
    """Return `stage;begin;duration, …` in microseconds, the begin since 1970."""
    epoch = time.time_ns() - time.perf_counter_ns()
    times = ((name, _us(begin, epoch), _us(end, epoch)) for name, (begin, end) in stages.items())
    return ", ".join(f"{name};{begin};{end - begin}" for name, begin, end in times)


def _us(seconds: float, epoch: int) -> int:
    return (round(seconds * 1e9) + epoch) // 1000
