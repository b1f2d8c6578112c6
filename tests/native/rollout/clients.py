"""Clients with a key each: a split by key keeps every one of them with its version."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.native.service import Service
from tests.support import clients, wait_until
from tests.support.archives import SURE
from tests.support.deployment import BASE, QUICK

CLIENTS = 8


@dataclass
class Clients:
    """Clients with a key each, as long as `at_work`. An answer: when asked, key, status, version, least confidence."""

    service: Service
    answers: list[tuple[float, str, int | str, str | None, float]] = field(default_factory=list)
    _local: threading.local = field(default_factory=threading.local)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def _ask(self) -> httpx.Response:
        if not hasattr(self._local, "key"):
            self._local.key = f"camera-{next(self._numbers)}"
        picture = (self.service.checkout.root / "samples/street.jpg").read_bytes()
        key, asked = self._local.key, time.monotonic()
        try:
            answer = httpx.post(
                f"{self.service.checkout.gateway}/predict",
                params=QUICK,
                files={"file": picture},
                headers={"X-Client-Key": key},
                timeout=90,
            )
        except httpx.HTTPError as error:
            self.answers.append((asked, key, type(error).__name__, None, 0.0))
            raise
        body = answer.json()
        least = min((found["confidence"] for found in body.get("detections", [])), default=0.0)
        version = body.get("model", {}).get("version")
        assert answer.headers.get("x-model-version") == version
        self.answers.append((asked, key, answer.status_code, version, least))
        return answer

    @contextmanager
    def at_work(self) -> Iterator[Clients]:
        """So long they ask; afterwards none of their requests was lost, and every answer is its version's."""
        with clients(CLIENTS, self._ask):
            self.more()
            yield self
            self.more()
        print(f"\nanswers: {Counter((status, version) for _, _, status, version, _ in self.answers)}")
        assert {status for _, _, status, _, _ in self.answers} == {200}
        for _, _, _, version, least in self.answers:
            assert (least >= SURE) == (version != BASE), f"{version} found something at {least}"

    def more(self, count: int = 3 * CLIENTS) -> list[tuple[float, str, int | str, str | None, float]]:
        """Wait for so many more answers, and return those that were asked for from now on."""
        now = time.monotonic()

        def asked_since() -> list[tuple[float, str, int | str, str | None, float]]:
            return [answer for answer in self.answers if answer[0] > now]

        wait_until(lambda: len(asked_since()) >= count, "the clients are answered")
        return asked_since()
