"""The gateway without its metrics, to measure what they cost: nothing is counted, and `/metrics` is all zeros.

python -m benchmarks.servers.uncounted, instead of `python -m gateway`
"""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from gateway.__main__ import main
from gateway.drift.watch import DriftWatch
from gateway.models.detection_metrics import DetectionMetrics


def ignore(*_: Any, **__: Any) -> None:
    """Count nothing."""


for kind, methods in (
    (Counter, ("inc",)),
    (Gauge, ("inc", "dec", "set")),
    (Histogram, ("observe",)),
    (DetectionMetrics, ("add",)),
    (DriftWatch, ("add",)),
):
    for method in methods:
        setattr(kind, method, ignore)
for kind in (Counter, Histogram):  # gauges of a function need theirs
    kind.labels = lambda self, *_, **__: self

if __name__ == "__main__":
    main()
