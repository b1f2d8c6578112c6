"""Clients that send requests one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from tests.support.waiting import wait_until

# Seconds between two requests of a client, in tests that are not about full load: so eight clients leave most of two
# cores to the operation that is tested.
PAUSE_S = 0.6


class Answer(NamedTuple):
    """One answer: when its request was sent, its status (or the failure's name), version and classes."""

    sent: float
    status: int | str
    version: str | None
    classes: frozenset[str]


@dataclass
class Load:
    """What clients were answered so far."""

    answers: list[Answer] = field(default_factory=list)

    def fresh(self, count: int = 24) -> list[Answer]:
        """Wait for `count` answers to requests that were sent after this call, and return them.

        A request that was sent before may be answered by the version of before.
        """
        now = time.monotonic()

        def sent_since() -> list[Answer]:
            return [answer for answer in self.answers if answer.sent > now]

        wait_until(lambda: len(sent_since()) >= count, "the clients are answered")
        return sent_since()

    def fresh_versions(self) -> set[str | None]:
        """Return the versions that answer requests from now on."""
        return {answer.version for answer in self.fresh()}

    @property
    def statuses(self) -> set[int | str]:
        return {answer.status for answer in self.answers}

    @property
    def versions(self) -> set[str | None]:
        return {answer.version for answer in self.answers}


@contextmanager
def clients(count: int, ask: Callable[[], httpx.Response], pause_s: float = PAUSE_S) -> Iterator[Load]:
    """So many clients ask all the time; the load holds every answer, and every failure by its name.

    Without a pause after each answer (`pause_s=0`), eight of them take all the CPU that two cores have.
    """
    over = threading.Event()
    load = Load()

    def work() -> None:
        while not over.is_set():
            sent = time.monotonic()
            try:
                answer = ask()
                body = answer.json()
                classes = frozenset(found["class"] for found in body.get("detections", []))
                load.answers.append(Answer(sent, answer.status_code, body.get("model", {}).get("version"), classes))
            except (httpx.HTTPError, ValueError) as error:
                load.answers.append(Answer(sent, type(error).__name__, None, frozenset()))
            over.wait(pause_s)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()
