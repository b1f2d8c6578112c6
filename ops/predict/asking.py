"""One picture to the gateway and its answer back, tried again while the gateway says that it is only busy."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

#: Not this picture's fault, and over soon: too many requests, no worker ready, overloaded.
BUSY = frozenset({429, 503})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
#: A gateway that asks for more patience than this is asked again after this.
LONGEST_WAIT_S = 300.0


class RefusedError(Exception):
    """The gateway will not answer about this picture; the message is its own."""


class ClosedError(RefusedError):
    """It will not answer about any: the key is missing, wrong, or not allowed to."""


class UnreachableError(Exception):
    """It did not answer, however often it was asked."""


@dataclass(frozen=True)
class Reply:
    """JSON as `body`, or an annotated picture as `picture`; `seconds` is what the last try took."""

    body: dict[str, Any] | None
    picture: bytes | None
    seconds: float


@dataclass
class Gateway:
    """Asks one gateway; `retries` is how often one picture is tried again. Used by many tasks at once."""

    url: str
    client: httpx.AsyncClient
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    retries: int = 8
    waited: int = 0
    _not_before: float = 0.0

    async def ask(self, picture: bytes) -> Reply:
        """Return the answer. Raises RefusedError, ClosedError or UnreachableError."""
        for attempt in range(self.retries + 1):
            await self._hold()
            started = time.monotonic()
            try:
                response = await self.client.post(
                    f"{self.url}/predict",
                    content=picture,
                    params=self.query,
                    headers={"Content-Type": "application/octet-stream", **self.headers},
                )
            except httpx.TransportError as error:
                trouble: Exception = UnreachableError(f"no answer from {self.url} ({type(error).__name__} {error})")
                pause_s = backoff_s(attempt)
            else:
                if response.status_code not in BUSY:
                    return read(response, time.monotonic() - started)
                trouble = refusal(response)
                pause_s = wanted_pause_s(response.headers.get("retry-after"), backoff_s(attempt))
                # What it says to one holds for all: the others need not be told one by one.
                self._not_before = max(self._not_before, time.monotonic() + min(pause_s, 1.0))
            if attempt == self.retries:
                raise trouble
            self.waited += 1
            await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")  # the loop returns or raises

    async def _hold(self) -> None:
        if (pause_s := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(pause_s)


def read(response: httpx.Response, seconds: float) -> Reply:
    """Understand an answer that is none of busy. Raises RefusedError or ClosedError."""
    if response.status_code != 200:
        why = refusal(response)
        if response.status_code == 401 or " insufficient_scope: " in str(why):
            raise ClosedError(str(why))
        raise why
    if response.headers.get("content-type", "").startswith("image/"):
        return Reply(None, response.content, seconds)
    try:
        body = response.json()
    except ValueError as error:
        raise RefusedError("the answer is no JSON: is this the gateway?") from error
    if not isinstance(body, dict) or not isinstance(body.get("detections"), list):
        raise RefusedError("the answer has no detections: is this the gateway?")
    return Reply(body, None, seconds)


def refusal(response: httpx.Response) -> RefusedError:
    """Return the gateway's own words about an error, with its status and code."""
    try:
        error = response.json()["error"]
        return RefusedError(f"{response.status_code} {error['code']}: {error['message']}")
    except (ValueError, KeyError, TypeError):
        return RefusedError(f"{response.status_code} {response.reason_phrase}".rstrip())


def backoff_s(attempt: int) -> float:
    """Return how long to wait after the given failed attempt (0, 1, …): doubling, with chance so that crowds part."""
    longest: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)


def wanted_pause_s(retry_after: str | None, otherwise: float) -> float:
    """Read Retry-After, seconds or a date; `otherwise` where it says nothing, and never less than it says."""
    if retry_after is None:
        return otherwise
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        # A little chance on top, or all who were told the same come back at the same moment.
        return min(float(text[:9]), LONGEST_WAIT_S) + random.uniform(0, 0.25)  # noqa: S311
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return otherwise
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT_S)
