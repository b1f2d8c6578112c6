"""The chart of an overload: goodput, and the latency of what was answered, over the offered load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.report.figure import tidy, write

OURS = "#084594"
THEIRS = ("#d94801", "#238b45", "#6a51a3", "#737373", "#cb181d")


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the chart as a PNG."""
    figure, (goodput, latency) = plt.subplots(1, 2, figsize=(13, 4.6), layout="constrained")
    rivals = iter(THEIRS * 3)
    shown = {name: one for name, one in results["contestants"].items() if not one["refused"]}
    ticks = sorted({int(load) / 100 for one in shown.values() for load in one["loads"]})
    for name, one in shown.items():
        style = {"color": OURS if name.startswith("stack") else next(rivals), "marker": "o", "markersize": 4}
        offered = [int(load) / 100 for load in one["loads"]]
        capacity = one["capacity"]["per_s"]
        goodput.plot(
            offered, [step["goodput_per_s"] / capacity * 100 for step in one["loads"].values()],
            label=f"{one['title']} ({capacity:.1f}/s)", **style,
        )  # fmt: skip
        # Where nothing was answered there is no latency: the line has a gap.
        latency.plot(offered, [step["latency_ms"]["p99"] or float("nan") for step in one["loads"].values()], **style)
    goodput.set_ylabel("goodput, % of the contestant's own capacity")
    goodput.set_ylim(bottom=0)
    latency.set_ylabel("p99 of what was answered, ms")
    latency.set_yscale("log")
    for axis in (goodput, latency):
        axis.set_xscale("log")
        axis.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        axis.minorticks_off()
        axis.set_xlabel("offered load, times the contestant's own capacity")
        tidy(axis, "both")
    goodput.legend(fontsize=8)
    write(figure, results, path)
