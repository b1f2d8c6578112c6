"""Which TorchServe gets a request: the one with the fewest outstanding, of those that can answer.

A TorchServe leaves the rotation

- when a connection to it fails or it does not have the model: until a readiness check that began later finds it ready;
- when a readiness check finds no READY worker: until one does;
- after three failures of other kinds in a row, so that one that fails fast does not attract the requests: then one
  request in a while tries it.

A new one comes into it when a check has found it ready: a server that starts may accept connections long before it
answers. If none is left, all are asked: a request that may fail is better than one that is refused.
"""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from gateway.concurrency.circuit_breaker import Breaker
from gateway.model_server.base import InstanceState, Readiness
from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
    BackendUnloaded,
)

B = TypeVar("B")


class Member(Generic[B]):
    """A TorchServe in the rotation: its backend, the requests that it has, and what is known of its health."""

    def __init__(self, name: str, backend: B, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.backend = backend
        #: The last answer of a readiness check; None before the first.
        self.readiness: Readiness | None = None
        self.outstanding = self.requests = self.failures = self.ejections = 0
        #: When it got its last request, as a number that grows.
        self.turn = 0
        self._clock = clock
        self._breaker = Breaker(clock=clock)
        self._lost: float | None = None

    @property
    def usable(self) -> bool:
        """Whether it was found ready and not lost since. Failures of other kinds do not count here."""
        return self._lost is None and self.readiness is not None and self.readiness.ready

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of it yet."""
        return self._lost is None and self.readiness is None

    @property
    def in_rotation(self) -> bool:
        """Whether requests are sent to it."""
        return self.usable and not self._breaker.open

    def begins(self, turn: int) -> None:
        """Note a request that is sent to it."""
        self.turn = turn
        self.requests += 1
        self.outstanding += 1

    def ends(self) -> None:
        """Note that it has the request no more."""
        self.outstanding -= 1

    def answered(self, fault: BackendFault | None) -> None:
        """Note an answer, or a fault."""
        if isinstance(fault, BackendOverloaded | BackendUnloaded):  # it is there
            self.failures += 1
        elif isinstance(fault, BackendUnavailable):
            self.failures += 1
            self.lose()
        elif isinstance(fault, BackendError | BackendTimeout):
            self.failures += 1
            self.ejections += self._breaker.failed()
        else:  # an answer, even if it is about the picture or the version
            self._breaker.succeeded()

    def lose(self) -> None:
        """Take it out until a readiness check that begins now or later."""
        self.ejections += self._lost is None
        self._lost = self._clock()

    def found(self, readiness: Readiness, asked: float) -> bool:
        """Note a readiness check that began at ``asked``; return whether it brings the server back or takes it out."""
        before = self.usable
        self.readiness = readiness
        if readiness.ready and self._lost is not None and asked >= self._lost:
            self._lost = None
        return before != self.usable

    def may_be_tried(self) -> bool:
        """Return whether a request may find out if its failures are over; True once per pause."""
        return self.usable and self._breaker.open and self._breaker.allows()

    def state(self) -> InstanceState:
        """Describe it for people and metrics."""
        told = self.readiness or Readiness(False, "it has not been asked yet")
        reason = told.reason if not self.usable else "it failed several times in a row"
        return InstanceState(
            name=self.name,
            ready=self.in_rotation,
            reason=None if self.in_rotation else reason or "its connections failed",
            version=told.version,
            outstanding=self.outstanding,
            requests=self.requests,
            failures=self.failures,
            ejections=self.ejections,
        )


def choose(members: Iterable[Member[B]], excluded: Collection[Member[B]] = ()) -> Member[B] | None:
    """Return the member for the next request: fewest outstanding, then the one that was not asked for longest.

    Not one of ``excluded``, which the request has tried. None if it has tried all that are in the rotation, and those
    that are unknown if there is nothing better.
    """
    left = [member for member in members if member not in excluded]
    if not excluded and (due := next((member for member in left if member.may_be_tried()), None)) is not None:
        return due
    candidates = [member for member in left if member.in_rotation]
    candidates = candidates or [member for member in left if not excluded or member.is_unknown]
    return min(candidates, key=lambda member: (member.outstanding, member.turn), default=None)
