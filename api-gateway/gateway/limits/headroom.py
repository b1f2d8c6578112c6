"""Callers far from their limit: how many of their requests may go on before they are counted.

While more than half of a rate is left, each gateway lets a few requests of a caller go on uncounted. One gateway alone
never lets more through than the rate; several, busy with one caller in the same fifth of a second, may pass it by
``MOST_AHEAD`` requests for each but one. Small rates are always counted first.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cachetools import LRUCache

from gateway.limits.verdict import Verdict

#: Who was not seen for longest is forgotten first, and waits for its next count.
MOST_CALLERS = 10_000
#: Seconds for which what a count found is good: other gateways count as well.
GOOD_S = 1.0
#: Requests of one caller that one gateway lets go on uncounted.
MOST_AHEAD = 16
#: Fewer left than this are too few to be generous with.
LEAST = 8 * MOST_AHEAD


def headroom(amount: int, remaining: int) -> int:
    """Return how many requests one gateway may let go on uncounted when so many of a rate's amount are left."""
    return MOST_AHEAD if 2 * remaining > amount and remaining >= LEAST else 0


@dataclass(slots=True)
class _Room:
    found: Verdict
    at: float
    #: Requests that went on and are not counted, and those of them that are being counted now.
    uncounted: int = 0
    claimed: int = 0


class Headroom:
    """What the last count found for each caller. ``clock`` gives monotonic seconds; tests give their own."""

    def __init__(self, most: int = MOST_CALLERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._rooms: LRUCache[str, _Room] = LRUCache(most)
        self._clock = clock

    def learn(self, caller: str, found: Verdict) -> None:
        """Note what a count found."""
        room = self._rooms.get(caller)
        if room is not None:
            room.found, room.at = found, self._clock()
        elif found.ahead:
            self._rooms[caller] = _Room(found, self._clock())

    def take(self, caller: str) -> Verdict | None:
        """Let a request go on before it is counted. None where it must be counted first.

        What is told as left is what the last count found, less those that went on since.
        """
        room = self._rooms.get(caller)
        if room is None or room.uncounted >= room.found.ahead:
            return None
        age_s = self._clock() - room.at
        if age_s > GOOD_S:
            return None
        room.uncounted += 1
        found = room.found
        return replace(found, remaining=found.remaining - room.uncounted, reset_s=max(0, round(found.reset_s - age_s)))

    def claim(self, caller: str) -> int:
        """Return how many requests went on that nobody counts yet; whoever claims them must, and call :meth:`counted`.

        0 for a caller that was forgotten.
        """
        if (room := self._rooms.get(caller)) is None:
            return 0
        number = room.uncounted - room.claimed
        room.claimed = room.uncounted
        return number

    def counted(self, caller: str, number: int) -> None:
        """Note that so many of those have been counted."""
        if (room := self._rooms.get(caller)) is not None:
            room.uncounted = max(0, room.uncounted - number)
            room.claimed = max(0, room.claimed - number)
