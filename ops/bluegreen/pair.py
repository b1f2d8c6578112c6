"""Both servers of a blue/green switch, and how each is started and stopped here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops.errors import NotNowError
from ops.paths import MODEL
from ops.rollout.preconditions import served
from ops.store import bluegreen, models
from ops.store.bluegreen import BLUE, GREEN, Made, Sides
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host, at


@dataclass
class Pair:
    """Both servers. The functions act natively; in Compose the scripts start and stop containers, and these do nothing.

    `check` raises OpsError where a side made of something could not even start. `alive`: it has not ended at once.
    """

    blue: Host
    green: Host
    check: Callable[[str, Made], None] = lambda side, made: None
    start: Callable[[str, Made], None] = lambda side, made: None
    stop: Callable[[str], None] = lambda side: None
    alive: Callable[[str], bool] = lambda side: True

    @property
    def store(self) -> Path:
        """The model store, which is one for both."""
        return self.blue.store

    def host(self, side: str) -> Host:
        """Return one of them."""
        return self.blue if side == BLUE else self.green

    @property
    def serving(self) -> Host:
        """The server that answers. Raises OpsError when the routing names an unknown one."""
        return self.host(bluegreen.answering_side(self.store))

    @property
    def idle(self) -> Host:
        """The other one."""
        return self.host(bluegreen.other(bluegreen.answering_side(self.store)))

    @property
    def models(self) -> list[str]:
        """The models that the standby server must have, `yolo` first: those that the answering one can answer.

        Where that one does not answer, they are all that have an archive.
        """
        found, serving = models.with_archive(self.store), self.serving
        others = [name for name in found if name != MODEL]
        if others and served(serving) is not None:
            others = [name for name in others if _can_answer(served(serving.of_model(name)))]
        return [MODEL, *others]

    def require_standby(self) -> Sides:
        """Return which servers run, when both do. Raises NotNowError."""
        present = bluegreen.read(self.store)
        if not present.has_both:
            raise NotNowError("no other server stands by. Start one: bash scripts/bluegreen.sh up. Nothing changed")
        return present

    def require_way_back(self) -> Sides:
        """Return which servers run, when the idle one is the one that answered before. Raises NotNowError."""
        present, idle, serving = self.require_standby(), self.idle.side, self.serving.side
        if present.back != idle:
            raise NotNowError(
                f"{idle} has not answered before {serving} did: there is no way back. "
                "To let it answer: bash scripts/bluegreen.sh switch. Nothing changed"
            )
        return present


def _can_answer(loaded: Loaded | None) -> bool:
    return loaded is not None and (loaded.answers or loaded.unloaded)


def here() -> Pair:
    """Return the servers of this deployment. Raises OpsError."""
    blue, other_host = at(BLUE), at(GREEN)
    if blue.compose:
        return Pair(blue, other_host)
    from ops.native import green

    return Pair(blue, other_host, green.check, green.start, green.stop, green.is_alive)
