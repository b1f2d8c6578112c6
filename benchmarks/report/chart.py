"""The chart: images per second at every number of clients, and latencies at the number that is compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.report.figure import tidy, write

OURS, THEIRS = ("#9ec9e2", "#4292c6", "#084594"), ("#d9d9d9", "#969696", "#525252")


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the chart as a PNG."""
    shown = {name: one for name, one in results["contestants"].items() if not one["refused"]}
    clients = [str(one) for one in results["settings"]["clients"]]
    compared = str(results["settings"]["compared_at"])
    figure, (rates, times) = plt.subplots(
        1, 2, figsize=(13, 1.6 + 0.62 * len(shown)), sharey=True, width_ratios=(3, 2), layout="constrained"
    )
    height = 0.8 / len(clients)
    for place, (name, one) in enumerate(shown.items()):
        colours = OURS if name.startswith("stack") else THEIRS
        for step, number in enumerate(clients):
            spread = one["closed"].get(number, {}).get("images_per_s")
            if spread is None:
                continue
            error = [[spread["median"] - spread["min"]], [spread["max"] - spread["median"]]]
            rates.barh(
                place + (step - (len(clients) - 1) / 2) * height, spread["median"], height * 0.92,
                color=colours[step % 3], xerr=error, error_kw={"elinewidth": 0.8, "ecolor": "#222222"},
            )  # fmt: skip
        latency = one["closed"].get(compared, {}).get("latency_ms", {})
        if latency.get("p99") is not None:
            times.barh(place, latency["p99"], 0.5, color=colours[0])
            times.barh(place, latency["p50"], 0.5, color=colours[2])
    ceiling = results["ceiling"]["images_per_s"]
    if ceiling:
        rates.axvline(ceiling["median"], color="#cb181d", linewidth=1.2, linestyle="--")
        rates.text(ceiling["median"], -0.75, "ceiling", color="#cb181d", ha="center", va="bottom", fontsize=8)
    rates.set_yticks(range(len(shown)), [one["title"] for one in shown.values()], fontsize=9)
    rates.invert_yaxis()
    rates.set_xlabel(
        f"images/s with {', '.join(clients)} clients (light to dark); bars: median, lines: minimum to maximum"
    )
    times.set_xlabel(f"ms with {compared} clients: p50 (dark), p99 (light)")
    for axis in (rates, times):
        tidy(axis, "x")
    write(figure, results, path)
