"""Draw the dashboards, but for the log, as PNGs from what a running Prometheus knows, where there is no Grafana.

    python deploy/observability/draw_dashboards.py http://127.0.0.1:9090 --minutes 10 --to docs/pictures

Needs httpx and matplotlib, as pinned in ops/requirements.txt and benchmarks/requirements.txt. The tests do not run it.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import EngFormatter, FuncFormatter

DASHBOARDS = Path(__file__).parent / "grafana" / "dashboards"
COLUMNS, STEPS = 3, 150
#: As Grafana writes the units of the panels.
UNITS = {
    "percentunit": FuncFormatter(lambda value, _: f"{100 * value:.4g} %"),
    "s": EngFormatter("s"),
    "bytes": EngFormatter("B"),
    "Bps": EngFormatter("B/s"),
    "reqps": FuncFormatter(lambda value, _: f"{value:g} req/s"),
    "ops": FuncFormatter(lambda value, _: f"{value:g} /s"),
}

Series = tuple[str, list[float], list[float]]


def main() -> None:
    """Draw each dashboard into a file of its name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of Prometheus")
    parser.add_argument("--minutes", type=float, default=10, help="how far back")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="an existing folder")
    arguments = parser.parse_args()
    end = time.time()
    with httpx.Client(base_url=arguments.url, trust_env=False, timeout=30) as prometheus:
        for path in sorted(DASHBOARDS.glob("*.json")):
            board = json.loads(path.read_text())
            if any(is_ours(target) for panel in board["panels"] for target in panel["targets"]):
                draw(board, prometheus, end - 60 * arguments.minutes, end, arguments.to / f"dashboard-{path.stem}.png")


def is_ours(target: dict[str, Any]) -> bool:
    """Tell whether Prometheus is asked, not the store of logs."""
    return bool(target["datasource"]["type"] == "prometheus")


def draw(board: dict[str, Any], prometheus: httpx.Client, begin: float, end: float, target: Path) -> None:
    """Draw the panels of a dashboard in its grid."""
    panels = sorted(board["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))
    rows = math.ceil(len(panels) / COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(15, 2.7 * rows), layout="constrained", squeeze=False)
    for axis in grid.flat[len(panels) :]:
        axis.axis("off")
    for axis, panel in zip(grid.flat, panels, strict=False):
        found = [one for target in panel["targets"] if is_ours(target) for one in query(prometheus, target, begin, end)]
        (heatmap if panel["type"] == "heatmap" else lines)(axis, panel, found)
        axis.set_title(panel["title"], fontsize=10, loc="left")
        axis.tick_params(labelsize=7)
        locator = AutoDateLocator(minticks=3, maxticks=6)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    figure.suptitle(board["title"], fontsize=13, x=0.01, ha="left")
    figure.savefig(target, dpi=64)
    plt.close(figure)


def query(prometheus: httpx.Client, target: dict[str, Any], begin: float, end: float) -> list[Series]:
    """Return the series of a panel's expression, named as its legend says; times are days, as matplotlib's."""
    expression = target["expr"].replace("$__rate_interval", "1m").replace("$model", ".*")
    step = (end - begin) / STEPS
    answer = prometheus.get(
        "/api/v1/query_range", params={"query": expression, "start": begin, "end": end, "step": step}
    ).raise_for_status()
    found = []
    for one in answer.json()["data"]["result"]:
        points = [(at / 86400, float(value)) for at, value in one["values"]]
        name = legend(target["legendFormat"], one["metric"])
        found.append((name, [at for at, _ in points], [value for _, value in points]))
    return found


def legend(template: str, labels: dict[str, str]) -> str:
    """Fill in the labels of a series, as Grafana does."""
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), template).strip()


def lines(axis: Axes, panel: dict[str, Any], found: list[Series]) -> None:
    """Draw a line for each series, with a legend below."""
    for name, times, values in found:
        axis.plot(times, values, linewidth=1.1, label=name[:40])
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["unit"] in UNITS:
        axis.yaxis.set_major_formatter(UNITS[defaults["unit"]])
    if defaults.get("min") is not None:
        highest = max((value for _, _, values in found for value in values if math.isfinite(value)), default=1.0)
        axis.set_ylim(defaults["min"], 1.05 * highest or 1.0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(linewidth=0.4, alpha=0.5)
    if found:
        axis.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=min(3, len(found)), fontsize=6, frameon=False
        )


def heatmap(axis: Axes, _: dict[str, Any], found: list[Series]) -> None:
    """Draw how many values are in each bucket, of a cumulative histogram."""
    buckets = sorted((float(name), times, values) for name, times, values in found)
    if not buckets:
        return
    times = max((times for _, times, _ in buckets), key=len)
    counts = np.array([values[-len(times) :] for _, _, values in buckets if len(values) == len(times)])
    bounds = [bound for bound, _, values in buckets if len(values) == len(times)]
    inside = np.diff(counts, axis=0, prepend=0)[:-1]  # nothing is above 1
    axis.imshow(
        inside, aspect="auto", origin="lower", cmap="Blues", interpolation="nearest",
        extent=(times[0], times[-1], 0.0, bounds[-2]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
