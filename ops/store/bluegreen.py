"""Blue and green: two TorchServes over one model store, and `bluegreen.json`, which says what stands beside.

Blue is the checkout's own server, green the other one. Which of them answers is in `routing.json` alone (`server`);
this file says what cannot be seen there: what green is made of, whether both are there, and which one is the way back.
The side that answers is never stopped, so what a killed operation leaves is on the other side: `pending` names it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ops.errors import OpsError
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
    """`green`: None while there is none. `blue`: whether it runs. `back`: the side that answered before.

    `pending`: a side that is being started or stopped. `accepted`: other answers of the idle side are meant.
    """

    green: Made | None = None
    blue: bool = True
    pending: str = ""
    back: str = ""
    accepted: bool = False

    def there(self, side: str) -> bool:
        """Tell whether a side was brought up whole."""
        return side != self.pending and (self.blue if side == BLUE else self.green is not None)

    @property
    def both(self) -> bool:
        """Whether one stands beside the other."""
        return self.there(BLUE) and self.there(GREEN)


def other(side: str) -> str:
    """Return the other side."""
    return GREEN if side == BLUE else BLUE


def in_force(store: Path) -> str:
    """Return the side that answers. Raises OpsError when it is neither of the two."""
    server = _answering(store, _recorded(store))
    if server not in PROGRAMS:
        raise OpsError(
            f"{routing.FOLDER}/{routing.NAME} sends every request to the server {server!r}, which is none of ours "
            f"(blue, green). Take `server` out of it first. Nothing changed"
        )
    return server


def told(store: Path) -> str:
    """Say which side answers and what stands beside it, for people."""
    answering, present = in_force(store), read(store)
    beside = other(answering)
    made = f" ({present.green})" if present.green else ""
    line = f"{answering} answers{made if answering == GREEN else ''}"
    return f"{line}, {beside} stands beside{made if beside == GREEN else ''}" if present.there(beside) else line


def named(side: str) -> str | None:
    """Return what `server` in the routing says for a side: the gateways know blue as their default."""
    return None if side == BLUE else side


def read(store: Path) -> Sides:
    """Return what stands where; the side that answers is always there, also where the file is missing or damaged.

    Raises OpsError when a file cannot be read.
    """
    found = _recorded(store)
    answering = _answering(store, found)
    if found.pending == answering:
        found = replace(found, pending="")
    if answering == BLUE:
        return replace(found, blue=True)
    return found if found.green is not None else replace(found, green=Made())


def _recorded(store: Path) -> Sides:
    document: dict[str, Any] = read_json(store / NAME) or {}
    document.pop("schema", None)
    try:
        made = document.pop("green", None)
        return Sides(green=Made(**made) if made else None, **document)
    except (TypeError, AttributeError):
        return Sides()


def _answering(store: Path, recorded: Sides) -> str:
    """Return the server that routing.json names; where that is damaged, the side that must be the one by the record."""
    try:
        return routing.read(store).server or BLUE
    except routing.DamagedError:
        # Blue was taken down, or is kept for the way back.
        green = recorded.there(GREEN) and (not recorded.there(BLUE) or recorded.back == BLUE)
        return GREEN if green else BLUE


def without(sides: Sides, side: str) -> Sides:
    """Return them with one side gone."""
    gone = replace(sides, pending="", back="", accepted=False)
    return replace(gone, blue=False) if side == BLUE else replace(gone, green=None)


def write(store: Path, sides: Sides) -> Sides:
    """Put it down in one step. Raises OpsError."""
    write_json(store / NAME, {"schema": SCHEMA, **asdict(sides)})
    return sides
