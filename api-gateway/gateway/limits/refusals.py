"""Refusals at a bounded rate: clients that do not wait before they ask again take no time from the answers."""

#: Refusals for each answer. One costs about a two hundredth of what an answer costs on the same processors.
PER_ANSWER = 20
#: Refusals that may come at once.
BURST = 100
#: The longest time for which a refusal is held back, in seconds: what ``Retry-After`` says at least.
LONGEST_S = 1.0


class RefusalRate:
    """Holds refusals back that come faster than ``PER_ANSWER`` times the answers."""

    def __init__(self) -> None:
        self._next = float("-inf")

    def delay_s(self, now: float, interval_s: float) -> float:
        """Count a refusal and return for how long it is held back; ``interval_s`` is the time between two answers."""
        gap_s = interval_s / PER_ANSWER
        self._next = min(max(self._next, now - BURST * gap_s) + gap_s, now + LONGEST_S)
        return max(self._next - now, 0.0)
