"""Clients with a key each: a split by key keeps every one of them with its version."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from tests.native.service import Service
from tests.support import clients, wait_until
from tests.support.archives import SURE
from tests.support.deployment import BASE
from tests.support.load import PAUSE_S

CLIENTS = 8


class Answer(NamedTuple):
    """One answer: when its request was sent, the client's key, status, version and least confidence."""

    sent: float
    key: str
    status: int | str
    version: str | None
    least: float


@dataclass
class Clients:
    """Clients that send requests as long as they are `at_work`, and what they were answered."""

    service: Service
    answers: list[Answer] = field(default_factory=list)
    _local: threading.local = field(default_factory=threading.local)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def _ask(self) -> httpx.Response:
        if not hasattr(self._local, "key"):
            self._local.key = f"camera-{next(self._numbers)}"
        key, sent = self._local.key, time.monotonic()
        try:
            answer = self.service.ask({"X-Client-Key": key})
        except httpx.HTTPError as error:
            self.answers.append(Answer(sent, key, type(error).__name__, None, 0.0))
            raise
        body = answer.json()
        least = min((found["confidence"] for found in body.get("detections", [])), default=0.0)
        version = body.get("model", {}).get("version")
        if answer.status_code == 200:
            assert answer.headers.get("x-model-version") == version
        self.answers.append(Answer(sent, key, answer.status_code, version, least))
        return answer

    @contextmanager
    def at_work(self, pause_s: float = PAUSE_S) -> Iterator[Clients]:
        """Send requests; afterwards none of them was lost, and each answer is made by the version that it names."""
        with clients(CLIENTS, self._ask, pause_s):
            self.more()
            yield self
            self.more()
        print(f"\nanswers: {Counter((answer.status, answer.version) for answer in self.answers)}")
        assert {answer.status for answer in self.answers} == {200}
        for answer in self.answers:
            expected = answer.version != BASE
            assert (answer.least >= SURE) == expected, f"{answer.version} found something at {answer.least}"

    def more(self, count: int = 3 * CLIENTS) -> list[Answer]:
        """Wait for so many answers to requests that are sent from now on, and return them."""
        now = time.monotonic()

        def sent_since() -> list[Answer]:
            return [answer for answer in self.answers if answer.sent > now]

        wait_until(lambda: len(sent_since()) >= count, "the clients are answered")
        return sent_since()
