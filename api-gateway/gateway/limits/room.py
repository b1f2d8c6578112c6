"""What the models share at the model server: the places, the length of the queues, the order of their turns."""

from collections.abc import Sized
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.detection.request import Claim
from gateway.errors import Overloaded
from gateway.limits.refusals import RefusalRate

#: ``full``: the queue has no place. ``estimate``: its turn would come too late. ``waited``: it came too late.
#: ``deadline``: the answer would come later than the client waits.
Reason = Literal["full", "estimate", "waited", "deadline"]
REASONS: tuple[Reason, ...] = ("full", "estimate", "waited", "deadline")


class HasQueue(Protocol):
    """A model whose requests wait for places."""

    @property
    def queue(self) -> Sized:
        """The requests that wait."""
        ...

    def serve(self) -> bool:
        """Let requests through as far as there are places; return whether there were any."""
        ...


class Room:
    """What the models share: the most predictions at the model server and in the queues, and the metrics.

    ``wait_s`` is how long an urgent request may wait, ``long_wait_s`` another one.
    """

    def __init__(
        self, *, in_flight: int, waiting: int, wait_s: float, long_wait_s: float, registry: CollectorRegistry
    ) -> None:
        self.most_in_flight = in_flight
        self.in_flight = 0
        self.refusals = RefusalRate()
        self._most_waiting = waiting
        self._waits_s = {True: wait_s, False: long_wait_s}
        #: Detectors whose queue is not empty, in the order of their turns.
        self._queues: dict[HasQueue, None] = {}
        waiting_now = Gauge("gateway_admission_waiting", "Predictions that wait for their turn", registry=registry)
        waiting_now.set_function(lambda: float(self.waiting))
        self.places = Gauge(
            "gateway_admission_places",
            "Predictions that may be at the model server at a time, found by measurement",
            ["model"],
            registry=registry,
        )
        self._refused = Counter("gateway_admission_refused", "Predictions refused", ["reason"], registry=registry)
        for reason in REASONS:
            self._refused.labels(reason)

    @property
    def waiting(self) -> int:
        """How many predictions wait, of all models."""
        return sum(len(detector.queue) for detector in self._queues)

    @property
    def is_full(self) -> bool:
        """Whether no further prediction may wait."""
        return self.waiting >= self._most_waiting

    def wait_s(self, claim: Claim) -> float:
        """Return how long such a request may wait."""
        return self._waits_s[claim.urgent]

    def refusal(self, reason: Reason, message: str | None = None, retry_after_s: float = 1) -> Overloaded:
        """Count a refusal and return its error."""
        self._refused.labels(reason).inc()
        return Overloaded(message, retry_after_s=retry_after_s)

    def note(self, detector: HasQueue) -> None:
        """Note that the queue of a model has changed."""
        if not len(detector.queue):
            self._queues.pop(detector, None)
        else:
            self._queues.setdefault(detector)

    def serve(self) -> None:
        """Give the free places to the models whose requests wait, in turns."""
        for detector in tuple(self._queues):
            if detector.serve():
                self._queues.pop(detector, None)
                self.note(detector)  # behind the others
