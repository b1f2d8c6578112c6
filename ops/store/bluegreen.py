"""Blue and green: two TorchServes over one model store, and `bluegreen.json`, which says which of them run.

Blue is the checkout's own server, green the other one. Which of them answers is in `routing.json` alone (`server`);
this file holds the rest: what green is made of, whether both run, and which one is the way back. The server that
answers is never stopped. All that is about the whole server, and the same for the store of any model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.paths import folder_of
from ops.store import routing
from ops.system.files import read_json, write_json

BLUE, GREEN = "blue", "green"
#: Name of each side's program natively, and of its service in Compose.
PROGRAMS = {BLUE: "torchserve", GREEN: "torchserve-green"}
NAME = "bluegreen.json"
SCHEMA = 1


@dataclass(frozen=True)
class Made:
    """What green is made of. In Compose an image; natively a folder with the server's code and a Python for it.

    `handler`: whose handler runs, `image` (the side's own code) or `archive` (the one packaged with the weights).
    """

    image: str = ""
    serving: str = ""
    python: str = ""
    handler: str = "image"
    note: str = ""

    def __str__(self) -> str:
        return self.image or self.serving or "the checkout"


@dataclass(frozen=True)
class Sides:
    """The servers that run. `green`: what it is made of, None while there is none.

    `back`: the side that answered before. `accepted`: the standby server's answers differ, and that is meant.
    """

    green: Made | None = None
    blue: bool = True
    back: str = ""
    accepted: bool = False

    def has(self, side: str) -> bool:
        """Tell whether a side was brought up whole."""
        return self.blue if side == BLUE else self.green is not None

    @property
    def has_both(self) -> bool:
        """Whether both run."""
        return self.blue and self.green is not None


def other(side: str) -> str:
    """Return the other side."""
    return GREEN if side == BLUE else BLUE


def server_name(side: str) -> str | None:
    """Return what `server` in the routing says for a side: the gateways know blue as their default."""
    return None if side == BLUE else side


def answering_side(store: Path) -> str:
    """Return the side that answers. Raises OpsError when the routing names an unknown server."""
    server = _answering(store, _recorded(store))
    if server not in PROGRAMS:
        raise OpsError(
            f"{routing.FOLDER}/{routing.NAME} sends every request to the server {server!r}, which is unknown here "
            f"(known: blue, green). Take `server` out of it first. Nothing changed"
        )
    return server


def describe(store: Path) -> str:
    """Say which side answers and which one stands by, for people."""
    answering, present = answering_side(store), read(store)
    standby = other(answering)
    made = f" ({present.green})" if present.green else ""
    line = f"{answering} answers{made if answering == GREEN else ''}"
    return f"{line}, {standby} stands by{made if standby == GREEN else ''}" if present.has(standby) else line


def read(store: Path) -> Sides:
    """Return which servers run; the one that answers always does, also where the file is missing or damaged.

    Raises OpsError when a file cannot be read.
    """
    found = _recorded(store)
    return with_side(found, _answering(store, found), found.green or Made())


def pending(store: Path) -> str:
    """Return the side that an earlier release of this program was starting or stopping when it was cut off, or "".

    It wrote that into this file; now there is an intent of kind `server`, as there is in the store of `yolo` alone.
    """
    side = str((read_json(store / NAME) or {}).get("pending") or "")
    return side if side in PROGRAMS else ""


def _recorded(store: Path) -> Sides:
    document: dict[str, Any] = read_json(folder_of(store) / NAME) or {}
    document.pop("schema", None)
    interrupted = document.pop("pending", "")
    try:
        made = document.pop("green", None)
        sides = Sides(green=Made(**made) if made else None, **document)
    except (TypeError, AttributeError):
        return Sides()
    return without(sides, interrupted) if interrupted in PROGRAMS else sides


def _answering(store: Path, recorded: Sides) -> str:
    """Return the server that routing.json names; where that is damaged, the side that must be the one by the record."""
    try:
        return routing.read(folder_of(store)).server or BLUE
    except routing.DamagedError:
        # Blue was taken down, or is kept for the way back.
        green = recorded.has(GREEN) and (not recorded.has(BLUE) or recorded.back == BLUE)
        return GREEN if green else BLUE


def with_side(sides: Sides, side: str, made: Made) -> Sides:
    """Return them with one side running; green is then made of `made`."""
    return replace(sides, blue=True) if side == BLUE else replace(sides, green=made)


def without(sides: Sides, side: str) -> Sides:
    """Return them with one side gone."""
    gone = replace(sides, back="", accepted=False)
    return replace(gone, blue=False) if side == BLUE else replace(gone, green=None)


def write(store: Path, sides: Sides) -> None:
    """Replace the file in one step. Raises OpsError."""
    write_json(folder_of(store) / NAME, {"schema": SCHEMA, **asdict(sides)})
