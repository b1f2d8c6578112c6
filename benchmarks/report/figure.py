"""What all charts have in common: a bare frame with a grid, a title that names the run, and the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def tidy(axis: Axes, grid: Literal["both", "x", "y"]) -> None:
    """Leave of the frame what is needed, with a grid behind the data."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis=grid, linewidth=0.4, alpha=0.6)
    axis.set_axisbelow(True)


def write(figure: Figure, results: Mapping[str, Any], path: Path) -> None:
    """Name the day, the machine and the weights of the results in the title; write a PNG and close the figure."""
    machine = results["machine"]
    figure.suptitle(
        f"{results['date'][:10]} · {machine['processor']}, {machine['cpus_used']} CPUs · "
        f"{results['settings']['weights']}",
        fontsize=10,
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)
