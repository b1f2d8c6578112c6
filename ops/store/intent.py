"""The intent: what an operation is about to do, written before it does it.

An operation that is cut off leaves its intent, and the next one settles it. What decides each kind: see
`ops.rollout.recovery`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ops.errors import OpsError
from ops.paths import current_archive, folder_of, model_of, script, shown
from ops.store import bluegreen, routing
from ops.system.files import read_json, write_json

NAME = ".release-intent.json"
Kind = Literal["switch", "join", "leave", "server", "add", "remove"]
#: What these did is told by the model's current archive.
BY_ARCHIVE = ("switch", "add", "remove")


@dataclass(frozen=True)
class Intent:
    """`to`: the version, the experiment's name, the side of blue/green, or the model. `before`: what served.

    `fresh`: the archive of `to` has never served; it is removed when a switch, a join or an add is undone, and when a
    leave is done. With a remove, all that is kept of the model goes. `beside`: the versions that join or leave.
    `routing`: what is in force again when a switch is undone.
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
    """Return what an operation that was cut off was about to do, None when there is none.

    Raises OpsError when the file is not understood: newer code wrote it, and settles it.
    """
    if not (store / NAME).exists():
        side = bluegreen.pending(store)
        return Intent("bluegreen", side, bluegreen.other(side), kind="server") if side else None
    document = read_json(store / NAME)
    try:
        found = Intent(**document) if document is not None else None
    except TypeError:
        found = None
    if found is None or found.kind not in get_args(Kind):
        raise OpsError(
            f"an operation was cut off, and {NAME} in the model store, which says what it was doing, is not understood "
            "here: a newer version of this program wrote it. Finish it with that version: "
            f"{script('releases.sh recover', store)}. If nothing is to be finished, remove the file: "
            f"rm {shown(store / NAME)}. Nothing changed"
        )
    return found


def clear(store: Path) -> None:
    """Remove the intent, and the temporary files of whatever was cut off."""
    leftovers = [
        *folder_of(store).glob(f".{current_archive(store).name}.*"),
        *folder_of(store).glob(f".{model_of(store)}-*.mar.*.part"),
        *store.glob(".*.json.*.part"),
        *routing.path(store).parent.glob(f".{routing.path(store).name}.*.part"),
        store / NAME,
    ]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
