"""Which version a request gets: a pure function of the routing in force and the client's key."""

import hashlib
from dataclasses import dataclass
from typing import Literal

#: Shares are cut to hundredths of a percent.
BUCKETS = 10_000

Role = Literal["stable", "canary", "experiment", "shadow", "named"]


@dataclass(frozen=True, slots=True)
class Arm:
    """A version and the buckets it gets: those below ``upto`` that no arm before it takes."""

    version: str
    role: Role
    upto: int


@dataclass(frozen=True, slots=True)
class ShadowShare:
    """The candidate and how many of the stable version's requests it sees, in [0, 1]."""

    version: str
    share: float


@dataclass(frozen=True, slots=True)
class Routing:
    """What ``routing.json`` says, ready to be used for each request. Without arms nothing is split."""

    revision: int = 0
    updated: str | None = None
    stable: str | None = None
    arms: tuple[Arm, ...] = ()
    #: Mixed with the client's key: another split puts other clients into the canary.
    salt: str = ""
    experiment: str | None = None
    shadow: ShadowShare | None = None
    #: The model server, by its name in TORCHSERVE_SERVERS; None is the default one.
    server: str | None = None
    #: Whether the model is about to be unloaded: it gets no more requests.
    removed: bool = False

    def played(self) -> frozenset[tuple[str, Role, str]]:
        """Return every version with its part and salt: a new part starts counting at zero."""
        parts: set[tuple[str, Role, str]] = {(arm.version, arm.role, self.salt) for arm in self.arms}
        if self.shadow is not None:
            parts.add((self.shadow.version, "shadow", ""))
        return frozenset(parts)


#: Everything goes to the server's default version.
NO_ROUTING = Routing()


@dataclass(frozen=True, slots=True)
class Choice:
    """The version to ask for, None for the server's default, and the part it plays."""

    version: str | None
    role: Role


UNSPLIT = Choice(None, "stable")


def bucket(salt: str, client_key: str) -> int:
    """Return the bucket of a client, 0 to 9999: always the same one under the same salt."""
    digest = hashlib.sha256((salt + client_key).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def choose(routing: Routing, client_key: str) -> Choice:
    """Return the version for a request that names none.

    Monotone in a canary's share: a client in it at 10 % is in it at 25 %.
    """
    if not routing.arms:
        return UNSPLIT
    drawn = bucket(routing.salt, client_key)
    for arm in routing.arms:
        if drawn < arm.upto:
            return Choice(arm.version, arm.role)
    return Choice(routing.stable, "stable")
