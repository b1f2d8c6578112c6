"""Which layers return to float, and where to stop. Pure functions.

Int8 rounds the inputs and the weights of a layer. The groups of layers whose rounding changes the answers most, for the
work that int8 saves there, return to float first. Each further step agrees more with fp32 and is slower: a curve.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ops.packaging.int8.agreement import THRESHOLDS, Agreement
from ops.packaging.int8.compare import Comparison

#: The part of all work that returns to float in one step, at least.
STRIDE = 0.02
#: More than this part of all work in float is slower than any bound allows.
MOST_FLOAT = 0.4
PATIENCE = 0.85
_MODULE = re.compile(r"model\.(\d+)(?:\.(\w+\.\d+))?")


@dataclass(frozen=True)
class Group:
    """Layers that return to float together. `work` is their part of the work of all int8 layers."""

    name: str
    layers: tuple[str, ...]
    work: float


@dataclass(frozen=True)
class Step:
    """The groups in float, and what that measured."""

    groups: tuple[Group, ...]
    comparison: Comparison

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers in float."""
        return tuple(name for group in self.groups for name in group.layers)


@dataclass(frozen=True)
class Bound:
    """The least agreement with fp32 and the least speed-up that are wanted."""

    shares: Mapping[float, float]
    conf_difference: float
    speed_up: float

    def excess(self, found: Agreement) -> float:
        """Return the largest disagreement as a multiple of what is allowed: at most 1 where the bound is met."""
        if found.conf_difference is None:
            return float("inf")
        missing = [(1 - found.share(threshold)) / (1 - share) for threshold, share in self.shares.items()]
        return max(*missing, found.conf_difference / self.conf_difference)

    def is_met(self, found: Comparison) -> bool:
        """Tell whether both the agreement and the speed-up are as wanted."""
        return self.excess(found.agreement) <= 1 and found.speed_up >= self.speed_up


def bound(has_vnni: bool) -> Bound:
    """Return the bound of the balanced profile. Without VNNI int8 gains less."""
    return Bound(dict(zip(THRESHOLDS, (0.985, 0.98, 0.97), strict=True)), 0.015, 1.7 if has_vnni else 1.5)


def groups(names: Sequence[str], work: Mapping[str, int], head: str) -> list[Group]:
    """Divide layers by the module of the network that they are in; those of the head by its branches.

    `head` is the number of its module. Layers of other names are groups of their own. `work` may
    know more layers than these.
    """

    def module(name: str) -> str:
        found = _MODULE.search(name)
        if found is None:
            return name
        return f"{head}.{found[2]}" if found[1] == head and found[2] else found[1]

    total = max(sum(work.get(name, 0) for name in names), 1)
    ordered = sorted(names, key=module)  # stable: the layers of a group stay in the order of execution
    return [
        Group(name, layers, sum(work.get(layer, 0) for layer in layers) / total)
        for name, layers in ((name, tuple(members)) for name, members in groupby(ordered, module))
    ]


def order(found: Sequence[Group], sensitivities: Mapping[str, float]) -> list[Group]:
    """Return the groups in the order in which they return to float.

    The errors of independent roundings add up as their squares, so a group's square counts for the work it saves.
    """
    return sorted(found, key=lambda group: (-(sensitivities[group.name] ** 2) / max(group.work, 1e-6), group.name))


def steps(ordered: Sequence[Group]) -> list[tuple[Group, ...]]:
    """Return what is in float after each step: nothing first, then always STRIDE of the work more."""
    made: list[tuple[Group, ...]] = [()]
    pending: tuple[Group, ...] = ()
    for group in ordered:
        pending += (group,)
        if sum(one.work for one in pending) >= STRIDE:
            made.append(made[-1] + pending)
            pending = ()
            if sum(one.work for one in made[-1]) >= MOST_FLOAT:
                break
    return made


def fast_enough(measured: Sequence[Step], wanted: Bound) -> float:
    """Return the least speed-up of a step that may be chosen.

    Where int8 itself is hardly as fast as wanted, on a busy machine or for a small network, that is PATIENCE times the
    speed-up of the fastest step.
    """
    return min(wanted.speed_up, PATIENCE * max(step.comparison.speed_up for step in measured))


def choose(measured: Sequence[Step], wanted: Bound) -> Step:
    """Return the fastest step that meets the bound, else the one closest to fp32 that is fast enough.

    Closest in confidence: that figure is steadier than the shares, which move with each box near the threshold.
    """
    enough = fast_enough(measured, wanted)
    fast = [step for step in measured if step.comparison.speed_up >= enough]
    meeting = [step for step in fast if wanted.excess(step.comparison.agreement) <= 1]
    if meeting:
        return max(meeting, key=lambda step: step.comparison.speed_up)
    return min(fast, key=_conf_difference)


def _conf_difference(step: Step) -> float:
    found = step.comparison.agreement.conf_difference
    return float("inf") if found is None else found


def lines(measured: Sequence[Step], chosen: Step, wanted: Bound) -> list[str]:
    """Return the curve as a table for people."""
    rows = ["".join(f"{cell:>9}" for cell in (*(f"{t:g}" for t in THRESHOLDS), "|Δconf|", "speed-up"))]
    for step in measured:
        found = step.comparison
        cells = [
            *(f"{found.agreement.share(threshold):.1%}" for threshold in THRESHOLDS),
            "-" if found.agreement.conf_difference is None else f"{found.agreement.conf_difference:.3f}",
            f"{found.speed_up:.2f}",
        ]
        rows.append("".join(f"{cell:>9}" for cell in cells) + ("  chosen" if step is chosen else ""))
    cells = [*(f"{share:.1%}" for share in wanted.shares.values()), f"{wanted.conf_difference:.3f}"]
    rows.append("".join(f"{cell:>9}" for cell in (*cells, f"{wanted.speed_up:.2f}")))
    titles = ["modules in float; boxes that overlap", *map(_title, measured), "wanted"]
    return [f"    {title:<36}{row}" for title, row in zip(titles, rows, strict=True)]


def _title(step: Step) -> str:
    text = ", ".join(group.name for group in step.groups) or "none"
    return text if len(text) <= 35 else f"{text[:15]} … {text[-17:]}"


def document(measured: Sequence[Step], chosen: Step, wanted: Bound) -> dict[str, Any]:
    """Return what `yolo.json` keeps."""
    return {
        "wanted": {
            "of_both": {str(threshold): share for threshold, share in wanted.shares.items()},
            "mean_conf_difference": wanted.conf_difference,
            "speed_up": wanted.speed_up,
        },
        "met": wanted.is_met(chosen.comparison),
        "float_modules": [group.name for group in chosen.groups],
        "float_layers": list(chosen.layers),
        "steps": [
            {
                "float_modules": [group.name for group in step.groups],
                "float_work": round(sum(group.work for group in step.groups), 4),
                **_figures(step.comparison),
                "chosen": step is chosen,
            }
            for step in measured
        ],
    }


def _figures(found: Comparison) -> dict[str, Any]:
    conf = found.agreement.conf_difference
    return {
        "of_both": {str(threshold): round(found.agreement.share(threshold), 4) for threshold in THRESHOLDS},
        "mean_conf_difference": None if conf is None else round(conf, 4),
        "speed_up": round(found.speed_up, 3),
    }
