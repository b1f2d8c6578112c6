"""The figures for people, as `yolo val` prints them, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ops.terminal.console import say_to_stderr
from ops.validate.metrics import Result, Row

HEAD = "%22s" + "%11s" * 6
#: How many pictures that are left out are named.
SHOWN = 5
LINE = "%22s" + "%11i" * 2 + "%11.3g" * 4


def table(result: Result) -> list[str]:
    """Return the lines of `yolo val`: all classes together, then each, unless there is a single one."""
    rows = [result.total, *(result.classes if len(result.classes) > 1 else ())]
    return [HEAD % ("Class", "Images", "Instances", "Box(P", "R", "mAP50", "mAP50-95)"), *map(_line, rows)]


def _line(row: Row) -> str:
    return LINE % (row.name, row.images, row.instances, row.precision, row.recall, row.map50, row.map50_95)


def document(result: Result, **about: Any) -> dict[str, Any]:
    """Return the figures as JSON, and what they are of."""
    return {**about, "all": result.total.document(), "classes": [row.document() for row in result.classes]}


def warn(left_out: Sequence[str]) -> None:
    """Name pictures that are in no figure, some of them where there are many."""
    for line in left_out[:SHOWN]:
        say_to_stderr(f"warning: left out: {line}")
    if len(left_out) > SHOWN:
        say_to_stderr(f"warning: {len(left_out)} pictures are left out in all")
