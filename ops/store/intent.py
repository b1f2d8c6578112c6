"""The intent: what an operation is about to do, written before it does it.

An operation that is cut off leaves its intent, and the next one settles it. What decides each kind: see
`ops.rollout.recovery`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ops.paths import MODEL, current_archive
from ops.store import bluegreen, routing
from ops.system.files import read_json, write_json

NAME = ".release-intent.json"
Kind = Literal["switch", "join", "leave", "server"]


@dataclass(frozen=True)
class Intent:
    """`to`: the version, the experiment's name, or the side of blue/green. `before`: what served.

    `fresh`: the archive of `to` has never served; it is removed when a switch or a join is undone, and when a leave is
    done. `beside`: the versions that join or leave. `routing`: what is in force again when a switch is undone.
    """

    action: str
    to: str
    before: str
    fresh: bool = False
    kind: Kind = "switch"
    part: str = ""
    beside: list[str] = field(default_factory=list)
    routing: dict[str, Any] | None = None


def write(store: Path, intent: Intent) -> None:
    """Write down what is about to be done. Raises OpsError."""
    write_json(store / NAME, asdict(intent))


def read(store: Path) -> Intent | None:
    """Return what an operation that was cut off was about to do, None when there is none."""
    try:
        return Intent(**(read_json(store / NAME) or {}))
    except TypeError:
        side = bluegreen.pending(store)
        return Intent("bluegreen", side, bluegreen.other(side), kind="server") if side else None


def clear(store: Path) -> None:
    """Remove the intent, and the temporary files of whatever was cut off."""
    patterns = (
        f".{current_archive(store).name}.*",
        f".{MODEL}-*.mar.*.part",
        ".*.json.*.part",
        f"{routing.FOLDER}/.*.part",
    )
    leftovers = [*(path for pattern in patterns for path in store.glob(pattern)), store / NAME]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
