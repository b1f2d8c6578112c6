"""The routing in force: ``routing.json``, looked at again at most every 100 ms, so that all gateways agree."""

import logging
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from gateway.routing.choice import NO_ROUTING, Routing
from gateway.routing.document import InvalidRoutingError, parse

logger = logging.getLogger("gateway.routing")

INTERVAL_S = 0.1
#: A routing is a few hundred bytes; what is larger is some other file.
LARGEST_BYTES = 65_536

_Signature = tuple[int, int, int]


class RoutingSource(Protocol):
    """Provides the routing in force."""

    def current(self) -> Routing:
        """Return it; cheap enough for every request."""
        ...


class RoutingFile:
    """Reads the file when it has changed. An invalid file leaves the last good routing in force.

    ``path`` empty: there is no routing. ``servers`` are the names that the file's ``server`` may have. ``on_error`` is
    called for each content that cannot be used; :meth:`subscribe` adds a listener for routings that come into force.
    """

    def __init__(
        self,
        path: str,
        servers: Collection[str] = (),
        on_error: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path) if path else None
        self._servers = servers
        self._on_error = on_error
        self._listeners: list[Callable[[Routing], None]] = []
        self._clock = clock
        self._look_again = float("-inf") if path else float("inf")
        self._signature: _Signature | None = None
        self._routing = NO_ROUTING
        #: Why the file is not what is in force; None while it is.
        self.problem: str | None = None

    def subscribe(self, listener: Callable[[Routing], None]) -> None:
        """Call ``listener`` with every routing that comes into force from now on."""
        self._listeners.append(listener)

    def current(self) -> Routing:
        """Return the routing in force. Looks at the file when it was not looked at for 100 ms; never raises."""
        # A stat and a read of a few hundred bytes on a local disk: shorter than handing them to a thread would be.
        now = self._clock()
        if now >= self._look_again:
            self._look_again = now + INTERVAL_S
            self._look()
        return self._routing

    def _look(self) -> None:
        assert self._path is not None  # noqa: S101 - without a path it is never time to look
        try:
            if _signature(os.stat(self._path)) == self._signature:  # noqa: PTH116 - half the time of Path.stat
                return
            with self._path.open("rb") as stream:
                seen = _signature(os.fstat(stream.fileno()))
                content = stream.read(LARGEST_BYTES + 1)
        except FileNotFoundError:
            self._signature, self.problem = None, None
            self._put_in_force(NO_ROUTING)
            return
        except OSError as error:
            # Asked again next time: a right that is given back changes nothing that we would see.
            self._refuse(f"it cannot be read ({error.strerror})")
            return
        self._signature = seen
        try:
            if len(content) > LARGEST_BYTES:
                raise InvalidRoutingError(f"it has more than {LARGEST_BYTES} bytes")
            routing = parse(content, self._servers)
        except InvalidRoutingError as error:
            self.problem = None
            self._refuse(str(error))
            return
        self.problem = None
        self._put_in_force(routing)

    def _put_in_force(self, routing: Routing) -> None:
        if routing == self._routing:
            return
        self._routing = routing
        split = {arm.version: arm.upto / 100 for arm in routing.arms}
        facts = {"revision": routing.revision, "stable": routing.stable, "split": split, "server": routing.server}
        logger.info("routing changed", extra=facts)
        for listener in self._listeners:
            listener(routing)

    def _refuse(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        self._on_error()
        facts = {"problem": problem, "in_force": self._routing.revision}
        logger.warning("the routing file cannot be used; the last good routing stays in force", extra=facts)


def _signature(found: os.stat_result) -> _Signature:
    return found.st_mtime_ns, found.st_size, found.st_ino
