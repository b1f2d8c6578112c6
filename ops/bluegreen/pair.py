"""Both sides of a blue/green switch, and what has to be so before one of them comes up, answers or goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops.errors import NotNowError, OpsError
from ops.rollout.preconditions import whole
from ops.store import bluegreen, inventory, lock, routing
from ops.store.bluegreen import BLUE, GREEN, Made, Sides
from ops.torchserve.host import Host, at


@dataclass
class Pair:
    """Both sides. `start`, `stop` and `alive` do that natively; in Compose the scripts do it, and these nothing."""

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
        """The one that answers. Raises OpsError when that is neither."""
        return self.host(bluegreen.in_force(self.store))

    @property
    def idle(self) -> Host:
        """The other one."""
        return self.host(bluegreen.other(bluegreen.in_force(self.store)))


def here() -> Pair:
    """Return the sides of this deployment. Raises OpsError."""
    blue, other_host = at(BLUE), at(GREEN)
    if blue.compose:
        return Pair(blue, other_host)
    from ops.native import green

    return Pair(blue, other_host, green.check, green.start, green.stop, green.alive)


def begins(pair: Pair, made: Made) -> None:
    """Raise OpsError where a side could not even begin to come up."""
    lock.require_free(pair.serving.store)
    unshared(pair.serving)
    pair.check(pair.idle.side, made)


def unshared(host: Host) -> None:
    """Raise NotNowError while any part of the requests goes to another version: the other side may not have it."""
    whole(host)
    shadow = routing.glance(host.store).shadow
    if shadow:
        raise NotNowError(f"{shadow.version} is a shadow. End it first: bash scripts/shadow.sh stop. Nothing changed")


def beside(pair: Pair) -> Sides:
    """Return what stands where, when a side stands beside the one that answers. Raises NotNowError."""
    present = bluegreen.read(pair.store)
    if not present.there(pair.idle.side):
        raise NotNowError("no other server stands beside. Start one: bash scripts/bluegreen.sh up. Nothing changed")
    return present


def way_back(pair: Pair) -> None:
    """Raise NotNowError when the side that does not answer is not the one that did before."""
    if beside(pair).back != pair.idle.side:
        raise NotNowError(
            f"{pair.idle.side} has not answered before {pair.serving.side} did: there is no way back. "
            "To let it answer: bash scripts/bluegreen.sh switch. Nothing changed"
        )


def same_archive(pair: Pair, version: str) -> None:
    """Raise OpsError when the side beside does not hold the version that yolo.mar is by now."""
    current = inventory.look(pair.store)[0].current
    if current is not None and version != current:
        raise OpsError(
            f"{pair.idle.side} holds version {version}, and yolo.mar is {current} by now. "
            "Start it again: bash scripts/bluegreen.sh up"
        )
