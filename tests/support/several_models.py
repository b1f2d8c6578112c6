"""Clients that ask several models of a running service, natively or in Compose, and what each answer has to show.

An answer names its model and version, and shows by its own content that these have made it: the task by its keys, the
version by the names of the classes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple

import httpx

from tests.support.deployment import Deployment
from tests.support.load import PAUSE_S
from tests.support.waiting import wait_until

CLIENTS = 8
#: The key that each model's task adds to its answers.
TASK_KEYS = {"yolo": None, "parts": "masks", "kinds": "probs"}
#: Small models of the tasks of the others.
YAML = {"parts": "yolov8n-seg.yaml", "kinds": "yolo11n-cls.yaml"}
#: The version of renamed weights, and the word that the names of its classes begin with.
NEW_VERSION = "renamed"
NEW = "new "


class Answer(NamedTuple):
    """One answer: when its request was sent, the model asked for, status, and the version that it names."""

    sent: float
    model: str
    status: int | str
    version: str | None
    fault: str | None


@dataclass
class Clients:
    """Clients that ask all the models in turn, and what they were answered."""

    service: Deployment
    models: tuple[str, ...] = tuple(TASK_KEYS)
    answers: list[Answer] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[Clients]:
        """Send requests; afterwards none of them was lost, and each answer is of the model and version it names."""
        over = threading.Event()
        threads = [threading.Thread(target=self._work, args=(number, over)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            self.more()
            yield self
            self.more()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        print(f"\nanswers: {Counter((answer.model, answer.status, answer.version) for answer in self.answers)}")
        assert {answer.status for answer in self.answers} == {200}, [one for one in self.answers if one.status != 200]
        assert {answer.fault for answer in self.answers} == {None}

    def more(self, count: int = 3 * CLIENTS) -> dict[str, set[str | None]]:
        """Wait for `count` answers to requests that are sent from now on; return the versions of each model."""
        now = time.monotonic()

        def sent_since() -> list[Answer]:
            return [answer for answer in self.answers if answer.sent > now]

        wait_until(lambda: len(sent_since()) >= count, "the clients are answered")
        return {model: {one.version for one in sent_since() if one.model == model} for model in self.models}

    def _work(self, number: int, over: threading.Event) -> None:
        asked = cycle(self.models[number % len(self.models) :] + self.models[: number % len(self.models)])
        while not over.wait(PAUSE_S):
            model, sent = next(asked), time.monotonic()
            try:
                answer = self.service.ask(model=model)
                body = answer.json()
                version = body.get("model", {}).get("version")
                fault = find_fault(model, body) if answer.status_code == 200 else None
                self.answers.append(Answer(sent, model, answer.status_code, version, fault))
            except (httpx.HTTPError, ValueError) as error:
                self.answers.append(Answer(sent, model, type(error).__name__, None, None))


def find_fault(model: str, body: dict[str, Any]) -> str | None:
    """Return what in an answer does not fit the model and version that it names."""
    key = TASK_KEYS[model]
    keys = {key for key in TASK_KEYS.values() if key in body}
    names = {one["class"] for one in body["detections"]} | {one["name"] for one in body.get("probs", [])}
    renamed_classes = {name.startswith(NEW) for name in names}
    if body["model"]["name"] != model or keys != ({key} if key else set()):
        return f"{body['model']} answers for {model} with {keys}"
    if not names or renamed_classes != {body["model"]["version"] == NEW_VERSION}:
        return f"{body['model']} answers with {names}"
    return None
