"""Three models of three tasks on the real service: each is operated by itself, and the others never notice.

Each answer names its model and version, and shows by its own content that these have made it: the task by the keys of
the answer, the version by the names of the classes.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest

from tests.native.service import Service
from tests.support import small_models, wait_until
from tests.support.archives import renamed
from tests.support.deployment import BASE, RELEASED_TO
from tests.support.endpoints import HTTP
from tests.support.load import PAUSE_S

CLIENTS = 8
#: The key that each model's task adds to its answers.
TASK_KEYS = {"yolo": None, "parts": "masks", "kinds": "probs"}
YAML = {"parts": "yolov8n-seg.yaml", "kinds": "yolo11n-cls.yaml"}
#: The names of the classes of renamed weights begin with it.
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

    service: Service
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
    if not names or renamed_classes != {body["model"]["version"] == "1.1"}:
        return f"{body['model']} answers with {names}"
    return None


@pytest.fixture(scope="module")
def weights(installed: Service) -> dict[str, Path]:
    """Weights of each model, and of each the same with renamed classes, as `NAME` and `new NAME`."""
    installed.checkout.up(**RELEASED_TO)
    installed.settle()
    found = {"yolo": installed.weights}
    for name, yaml in YAML.items():
        found[name] = small_models.save(yaml, installed.root / f"{name}.pt", installed.root / "samples")
    for name in TASK_KEYS:
        found[NEW + name] = renamed(found[name], installed.root / f"new-{name}.pt")
    return found


@pytest.fixture(scope="module")
def added(installed: Service, weights: dict[str, Path]) -> Iterator[None]:
    """`parts` and `kinds`, each with its first version served."""
    try:
        for name in YAML:
            installed.go("scripts/models.sh", "add", str(weights[name]), "--name", name)
        yield
    finally:
        for name in YAML:
            installed.script("scripts/models.sh", "remove", name, "--purge")
        (installed.store / "yolo-1.1.mar").unlink(missing_ok=True)


@pytest.fixture
def three(service: Service, added: None) -> Service:
    """`yolo`, `parts` and `kinds`."""
    return service


def loaded(service: Service, model: str) -> list[str]:
    answer = HTTP.get(f"{service.management}/models/{model}/all", timeout=10)
    return [version["modelVersion"] for version in answer.json()] if answer.status_code == 200 else []


def test_each_is_redeployed_rolled_back_and_canaried_by_itself_under_clients_that_ask_all(three, weights):
    first = {"yolo": BASE, "parts": "1.0", "kinds": "1.0"}
    with Clients(three).at_work() as people:
        served = {model: {version} for model, version in first.items()}
        assert people.more() == served
        for model in TASK_KEYS:
            of_model = ("--model", model)
            new = str(weights[NEW + model])
            three.go("scripts/redeploy.sh", new, *of_model, "--version", "1.1", "--accept-drift")
            assert people.more() == {**served, model: {"1.1"}}
            three.go("scripts/rollback.sh", *of_model)
            assert people.more() == served
            three.go("scripts/canary.sh", "start", "1.1", "--percent", "50", *of_model, "--accept-drift")
            assert people.more(60) == {**served, model: {first[model], "1.1"}}
            three.go("scripts/canary.sh", "promote", *of_model)
            assert people.more() == {**served, model: {"1.1"}}
            three.go("scripts/rollback.sh", *of_model)
            assert people.more() == served
    for model, version in first.items():
        assert loaded(three, model) == [version]


def test_adding_removing_and_a_model_that_fails_leave_the_others_answering(three, weights):
    with Clients(three).at_work() as people:
        three.go("scripts/models.sh", "add", str(weights["kinds"]), "--name", "more")
        assert three.ask(model="more").json()["model"] == {"name": "more", "version": "1.0"}
        # A worker that is killed comes back by itself.
        for worker in workers(three, "more"):
            worker.send_signal(signal.SIGKILL)
        wait_until(lambda: three.ask(model="more").status_code == 200, "the killed worker is back", 60)
        people.more()
        # Weights that are none leave everything as it was.
        (three.root / "broken.pt").write_bytes(b"not weights")
        refused = three.script("scripts/redeploy.sh", "broken.pt", "--model", "more")
        assert refused.returncode != 0
        assert three.ask(model="more").json()["model"]["version"] == "1.0"
        three.go("scripts/models.sh", "remove", "more", "--purge")
        gone = three.ask(model="more")
        assert gone.status_code == 404
        assert all(name in gone.json()["error"]["message"] for name in TASK_KEYS)
        people.more()
    assert loaded(three, "more") == []
    assert not list(three.store.glob("more*.mar"))


def test_one_upload_is_answered_by_several_models_in_the_order_asked(three):
    body = three.ask(model="kinds,yolo,parts").json()
    assert [result["model"]["name"] for result in body["results"]] == ["kinds", "yolo", "parts"]
    alone = {model: three.ask(model=model).json() for model in TASK_KEYS}
    for result in body["results"]:
        assert result["detections"] == alone[result["model"]["name"]]["detections"]


def workers(service: Service, model: str) -> list[psutil.Process]:
    described = HTTP.get(f"{service.management}/models/{model}", timeout=10).json()
    return [psutil.Process(worker["pid"]) for version in described for worker in version["workers"]]
