"""A request's claim to a turn at the model server, from its caller and its headers."""

import asyncio
import math
import re
from dataclasses import replace

from starlette.requests import Request

from gateway.detection.request import Claim
from gateway.errors import InvalidParameter, printable
from gateway.http.caller import caller_of
from gateway.http.headers import PRIORITY_HEADER, TIMEOUT_HEADER

#: The urgency of RFC 9218 without a header; larger numbers are less urgent.
DEFAULT_URGENCY = 3
_URGENCY = re.compile(r"u=([0-7])(?:;.*)?")
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
#: The scope's key of the claim, which is made once: its time runs from the request's arrival.
_CLAIM = "gateway.claim"


def claim_of(request: Request, urgent: bool = True) -> Claim:
    """Return the request's claim; one that is not ``urgent`` yields to others, whatever its headers say.

    Raises :class:`~gateway.errors.InvalidParameter`.
    """
    claim: Claim | None = request.scope.get(_CLAIM)
    if claim is None:
        lines = ",".join(request.headers.getlist(PRIORITY_HEADER))
        seconds = read_timeout(request.headers.get(TIMEOUT_HEADER))
        deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        claim = Claim(caller_of(request.scope), read_urgency(lines) <= DEFAULT_URGENCY, deadline)
        request.scope[_CLAIM] = claim
    return claim if urgent else replace(claim, urgent=False)


def read_urgency(text: str) -> int:
    """Return ``u`` of a ``Priority`` header; as RFC 9218 says, what is invalid is ignored and the last one counts."""
    found = [match for part in text.split(",") if (match := _URGENCY.fullmatch(part.strip()))]
    return int(found[-1][1]) if found else DEFAULT_URGENCY


def read_timeout(text: str | None) -> float | None:
    """Return the seconds of ``X-Request-Timeout``, None without the header.

    Raises :class:`~gateway.errors.InvalidParameter`.
    """
    if text is None:
        return None
    seconds = float(text) if _SECONDS.fullmatch(text) else math.nan
    if not 0 < seconds < math.inf:
        raise InvalidParameter(f"{TIMEOUT_HEADER}: {printable(text)} is not a positive number of seconds.")
    return seconds
