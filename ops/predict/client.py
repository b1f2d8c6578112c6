"""The client of the gateway's POST /predict. While the gateway is busy, it waits and asks again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

import httpx

from ops.errors import KeyNeededError, NotRunningError, OpsError, UsageError
from ops.gateways import api_key

TIMEOUT = httpx.Timeout(connect=5, read=120, write=60, pool=60)
# Temporary and not the fault of the picture: too many requests, no worker ready, overloaded.
BUSY = frozenset({429, 503})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# The longest Retry-After that is honored.
LONGEST_WAIT_S = 300.0
#: Whole folders yield to the images of clients that wait (RFC 9218).
LOW_PRIORITY = {"Priority": "u=5"}


class RefusedError(OpsError):
    """The gateway refuses this picture; the message is the gateway's."""


@dataclass(frozen=True)
class Reply:
    """Detections as `body` (JSON), or an annotated `picture`; `seconds` is the duration of the last attempt."""

    body: dict[str, Any]
    picture: bytes | None
    seconds: float


def connect(url: str, connections: int = 1) -> httpx.AsyncClient:
    """Return the connections to the gateway at `url`; without a proxy if it runs on this machine. Raises UsageError."""
    try:
        host = httpx.URL(url).host
        own = host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name
        own = False
    except httpx.InvalidURL as error:
        raise UsageError(f"{url} is not the address of a gateway") from error
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=not own)


@dataclass
class Gateway:
    """One gateway, for many tasks at once. Each picture is sent at most 1 + `retries` times."""

    url: str
    client: httpx.AsyncClient
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    retries: int = 8
    waited: int = 0
    _not_before: float = 0.0

    async def ask(self, picture: bytes) -> Reply:
        """Return the answer for an encoded picture. Raises RefusedError, KeyNeededError, NotRunningError."""
        headers = {"Content-Type": "application/octet-stream", **LOW_PRIORITY, **self.headers}
        attempt = 0
        while True:
            await asyncio.sleep(max(self._not_before - time.monotonic(), 0))
            started = time.monotonic()
            pause_s, error = backoff_s(attempt), OpsError()
            try:
                response = await self.client.post(
                    f"{self.url}/predict", content=picture, params=self.query, headers=headers
                )
            except httpx.TransportError as failure:
                error = no_answer(self.url, failure)
            else:
                if response.status_code not in BUSY:
                    return read(response, time.monotonic() - started)
                error = RefusedError(explanation(response)[1])
                pause_s = requested_pause_s(response.headers.get("retry-after"), pause_s)
                # The other tasks need not find out one by one.
                self._not_before = max(self._not_before, time.monotonic() + min(pause_s, 1.0))
            if attempt == self.retries:
                raise error
            attempt += 1
            self.waited += 1
            await asyncio.sleep(pause_s)


def no_answer(url: str, error: httpx.HTTPError) -> NotRunningError:
    """Return the error of a gateway that cannot be reached."""
    return NotRunningError(f"no answer from {url} ({type(error).__name__} {error}). Is it up? bash scripts/up.sh")


def read(response: httpx.Response, seconds: float) -> Reply:
    """Read the answer of a gateway that is not busy. Raises RefusedError, KeyNeededError."""
    if response.status_code == 200 and response.headers.get("content-type", "").startswith("image/"):
        return Reply({}, response.content, seconds)
    body = read_document(response)
    if not isinstance(body.get("detections"), list):
        raise RefusedError("the answer has no detections. Is another program on that port?")
    return Reply(body, None, seconds)


def read_document(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object that a gateway answers. Raises RefusedError, KeyNeededError."""
    if response.status_code != 200:
        code, message = explanation(response)
        if response.status_code == 401 or code == "insufficient_scope":
            raise KeyNeededError(f"{message} {api_key.HELP}")
        raise RefusedError(message)
    try:
        body = response.json()
    except ValueError as error:
        raise RefusedError("the answer is not JSON. Is another program on that port?") from error
    return body if isinstance(body, dict) else {}


def explanation(response: httpx.Response) -> tuple[str, str]:
    """Return the gateway's error code, and its message with status and code."""
    try:
        error = response.json()["error"]
        return error["code"], f"{response.status_code} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return "", f"{response.status_code} {response.reason_phrase}. Is another program on that port?"


def backoff_s(attempt: int) -> float:
    """Return the pause after failed attempt 0, 1, …: doubled each time, and random so that clients spread out."""
    longest: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)


def requested_pause_s(retry_after: str | None, default: float) -> float:
    """Return the pause that Retry-After (seconds or a date) asks for, or `default` if it is missing or invalid."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        # Random on top, or all clients that got the same answer return at the same moment.
        return min(float(text[:9]), LONGEST_WAIT_S) + random.uniform(0, 0.25)  # noqa: S311
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return default
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT_S)
