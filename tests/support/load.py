"""Clients that send requests without a pause."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

# Status (or the failure's name), version and classes of one answer under load.
Answer = tuple[int | str, str | None, frozenset[str]]


@contextmanager
def clients(count: int, ask: Callable[[], httpx.Response]) -> Iterator[list[Answer]]:
    """So many clients ask all the time; afterwards the list holds every answer, and every failure by its name."""
    over = threading.Event()
    answers: list[Answer] = []

    def work() -> None:
        while not over.is_set():
            try:
                answer = ask()
                body = answer.json()
                classes = frozenset(found["class"] for found in body.get("detections", []))
                answers.append((answer.status_code, body.get("model", {}).get("version"), classes))
            except (httpx.HTTPError, ValueError) as error:
                answers.append((type(error).__name__, None, frozenset()))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()
