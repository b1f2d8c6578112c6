"""What this project promises about its speed on two CPUs, in one run with the same boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.contestants.roster import BY_NAME
from benchmarks.report import stats
from benchmarks.report.measurements import Measurements

BEST, DEFAULTS, CEILING = "best tuned rival", "rivals' defaults", "ceiling"

#: Our contestant, what it is compared with, the clients (None: the number that is compared), the minimum ratio.
#: float32 is at the machine's limit for everybody who finds the same boxes, except for a client that comes alone.
PROMISES = (
    ("stack_gateway", BEST, 1, 1.5),
    ("stack_gateway", BEST, 4, 1.0),
    ("stack_gateway", BEST, 16, 1.0),
    ("stack_gateway", DEFAULTS, None, 2.0),
    ("stack_gateway", CEILING, None, 0.95),
    ("stack_int8_gateway", BEST, None, 1.5),
)


def judge(measured: Measurements, ceiling: Sequence[float], compared_at: int) -> list[dict[str, Any]]:
    """Return each promise that this race could measure, with its ratio taken round by round.

    `ceiling` is the ceiling's rate by round, `compared_at` the number of clients that the tables compare.
    """
    found = []
    for ours, other, clients, wanted in PROMISES:
        number = clients or compared_at
        own = rates(measured, ours, number)
        against = list(ceiling) if other == CEILING else rivals_best(measured, number, default=other == DEFAULTS)
        if own and against:
            ratio = stats.ratio(own, against)
            found.append({"ours": ours, "of": other, "clients": number, "wanted": wanted, "measured": ratio})
    return found


def rates(measured: Measurements, name: str, clients: int) -> list[float]:
    """Return a contestant's images per second by round; nothing if it did not race with that many clients."""
    record = measured.records.get(name)
    return [stats.rate(phase) for phase in record.closed.get(clients, [])] if record else []


def rivals_best(measured: Measurements, clients: int, *, default: bool) -> list[float]:
    """Return, by round, the rate of the quickest rival that finds exactly the reference's boxes.

    `default`: of those that run with their defaults, else of those whose shape was chosen by measuring.
    """
    found = [
        rates(measured, name, clients)
        for name, record in measured.records.items()
        if not BY_NAME[name].ours
        and bool(BY_NAME[name].fixed) == default
        and not record.refused
        and record.parity is not None
        and record.parity.exact
    ]
    return [max(by_round) for by_round in zip(*filter(None, found), strict=False)]
