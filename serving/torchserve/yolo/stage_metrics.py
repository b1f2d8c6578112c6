"""The time of each stage of an image and the worker's memory, as metrics on TorchServe's metrics port.

A worker hands a value over by printing a line, which TorchServe's front end reads. Both know the metrics from the
server's list, `metrics.yaml`. Under a server whose list lacks one nothing is handed over.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "yolo_stage_seconds"
STATM = Path("/proc/self/statm")
MEMORY = "yolo_worker_memory_bytes"
STAGES = ("decode", "letterbox", "infer", "nms")


class StageMetrics:
    """Hands the times of a version over. `cache` is TorchServe's `context.metrics`, or None where there is none."""

    def __init__(self, cache: Any, model: str, version: str) -> None:
        self._labels = (model, version)
        self._metric = _listed(cache, NAME)
        self._memory = _listed(cache, MEMORY) if STATM.exists() else None  # Linux tells it there

    def add(self, timings: Mapping[str, float]) -> None:
        """Hand over the stages, in milliseconds, that an image went through, and the memory after it."""
        if self._memory is not None:
            self._memory.add_or_update(resident_bytes(), list(self._labels))
        if self._metric is None:
            return
        for stage in STAGES:
            if stage in timings:
                self._metric.add_or_update(round(timings[stage] / 1000, 6), [*self._labels, stage])


def resident_bytes() -> int:
    """Return the memory that this process takes."""
    return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _listed(cache: Any, name: str) -> Any:
    return cache and next((kind[name] for kind in cache.cache.values() if name in kind), None)
