"""The time of each stage of an image, as a metric that TorchServe offers to Prometheus on its metrics port.

A worker hands a value over by printing a line, which TorchServe's front end reads. Both know the metric from the
server's list, `metrics.yaml`. Under a server whose list lacks it nothing is handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "yolo_stage_seconds"
STAGES = ("decode", "letterbox", "infer", "nms")


class StageMetrics:
    """Hands the times of a version over. `cache` is TorchServe's `context.metrics`, or None where there is none."""

    def __init__(self, cache: Any, model: str, version: str) -> None:
        self._labels = (model, version)
        self._metric: Any = None
        if cache is not None:
            self._metric = next((kind[NAME] for kind in cache.cache.values() if NAME in kind), None)

    def add(self, timings: Mapping[str, float]) -> None:
        """Hand over the stages, in milliseconds, that an image went through."""
        if self._metric is None:
            return
        for stage in STAGES:
            if stage in timings:
                self._metric.add_or_update(round(timings[stage] / 1000, 6), [*self._labels, stage])
