"""What was found when a request was counted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is allowed, and what the rate that comes closest to refusing has left. Times in seconds.

    ``ahead``: so many of this caller's next requests may go on before they are counted.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    ahead: int = 0
