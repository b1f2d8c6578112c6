"""How many predictions are at the model server: as many as keep its workers busy, found by measurement.

TCP Vegas (Brakmo and Peterson, 1995), as Netflix' concurrency-limits applies it to services: from the time that an
answer took beyond the model's own work follows how many predictions waited in the server, and the limit moves until
about one does. The queue is then in the gateway, where it can be reordered and left. Several gateways find their shares
without knowing of each other, and workers may come and go.
"""

from collections.abc import Callable

from gateway.model_server.base import Readiness

#: Found within a second on any number of workers up to dozens, and harmless for one.
START = 4
#: Predictions that may wait in the server: below, the limit rises; above, it falls.
FEW_WAIT, MANY_WAIT = 0.5, 1.5
#: The way there and back takes at most so long; what is beyond is a queue, even one that never empties.
LONGEST_WAY_S = 0.02
#: Where the server does not tell its own time, answers may take so much longer than the fastest one.
TOLERANCE = 1.5
#: The limit after the server has refused a prediction.
BACK_OFF = 0.75
#: Seconds for which the fastest answer is remembered, at least; at most twice as long.
WINDOW_S = 15.0
#: Weight of a new answer in the averages.
NEW = 0.1
#: Mean deviations from the average time that a slow answer takes longer. TCP takes 4, to be sure; here, too many
#: would refuse requests that would have been answered in time.
DEVIATIONS = 2


class ConcurrencyLimit:
    """The limit of one model in one gateway, between 1 and ``most``.

    ``readiness`` tells how many workers there are. The model server waits for a batch to fill, which looks like a
    queue, so with batches the limit is never below what fills one for every worker.
    """

    def __init__(self, most: int, readiness: Callable[[], Readiness]) -> None:
        self._most = most
        self._readiness = readiness
        self._limit = float(min(START, most))
        self._least = _Least()
        self._backed_off = float("-inf")
        self._answers = 0
        #: Average seconds that an answer takes, and between two answers while all places are taken; 0 before the first.
        self.took_s = self.interval_s = 0.0
        self._deviation_s = 0.0

    @property
    def slow_s(self) -> float:
        """Seconds within which nearly every answer comes, as TCP reckons them (RFC 6298)."""
        return self.took_s + DEVIATIONS * self._deviation_s

    @property
    def places(self) -> int:
        """How many predictions may be at the model server."""
        state = self._readiness()
        floor = state.batch_size * (state.workers or 1) if state.batch_size > 1 else 1
        return min(max(int(self._limit), floor), self._most)

    def keeps_busy(self, in_flight: int) -> bool:
        """Tell whether so many predictions keep every worker busy: not where batches have to fill, or nobody knows."""
        state = self._readiness()
        return state.batch_size <= 1 and bool(state.workers) and in_flight >= (state.workers or 0)

    def answered(self, took_s: float, own_s: float | None, in_flight: int, now: float) -> None:
        """Learn from an answer that took ``took_s``, ``own_s`` of it in the model; None if the server does not tell.

        ``in_flight`` counts the predictions at the server with this one, ``now`` is the time in seconds.
        """
        places = self.places
        is_used = in_flight >= places
        self._average(took_s, in_flight if is_used else self._readiness().workers or places)
        beyond_s = max(took_s - (own_s or 0.0), 0.0)
        least_s, is_new_window = self._least.note(beyond_s, now)
        if own_s is None:
            if is_new_window:
                # The fastest answers of a full server waited too, and each window would start from slower ones.
                self._limit = max(self._limit / 2, 1.0)
            allowed_s = least_s * TOLERANCE
        else:
            allowed_s = min(least_s, LONGEST_WAY_S)
        waiting = in_flight * max(beyond_s - allowed_s, 0.0) / max(took_s, 1e-6)
        if waiting > MANY_WAIT:
            self._limit = max(self._limit - 1 / self._limit, 1.0)
        elif waiting < FEW_WAIT and is_used:
            self._limit = min(self._limit + 1 / self._limit, self._most)

    def overloaded(self, now: float) -> None:
        """Learn that the server took no more; the answers to what was sent at the same time count once."""
        if now - self._backed_off >= self.took_s:
            self._limit = max(self._limit * BACK_OFF, 1.0)
            self._backed_off = now

    def _average(self, took_s: float, at_once: int) -> None:
        self._answers += 1
        weight = max(NEW, 1 / self._answers)
        deviation_s = abs(took_s - self.took_s) if self._answers > 1 else 0.0
        self._deviation_s += weight * (deviation_s - self._deviation_s)
        self.took_s += weight * (took_s - self.took_s)
        self.interval_s += weight * (took_s / max(at_once, 1) - self.interval_s)


class _Least:
    """The least of the values of the current window and the one before."""

    def __init__(self) -> None:
        self._before = self._current = float("inf")
        self._ends = float("-inf")

    def note(self, value: float, now: float) -> tuple[float, bool]:
        """Return the least value, and whether this one began a window that follows another."""
        is_new = now >= self._ends
        follows = is_new and self._ends > float("-inf")
        if is_new:
            self._before, self._current, self._ends = self._current, float("inf"), now + WINDOW_S
        self._current = min(self._current, value)
        return min(self._before, self._current), follows
