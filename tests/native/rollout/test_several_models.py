"""Three models of three tasks on the real service: each is operated by itself, and the others never notice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.native.service import Service
from tests.support import small_models, wait_until
from tests.support.archives import renamed
from tests.support.deployment import BASE, RELEASED_TO
from tests.support.endpoints import HTTP
from tests.support.several_models import NEW, NEW_VERSION, TASK_KEYS, YAML, Clients


@pytest.fixture(scope="module")
def weights(installed: Service) -> dict[str, Path]:
    """Weights of `parts` and `kinds`."""
    installed.checkout.up(**RELEASED_TO)
    installed.settle()
    return {
        name: small_models.save(yaml, installed.root / f"{name}.pt", installed.root / "samples")
        for name, yaml in YAML.items()
    }


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
        (installed.store / f"yolo-{NEW_VERSION}.mar").unlink(missing_ok=True)


@pytest.fixture
def three(service: Service, added: None) -> Service:
    """`yolo`, `parts` and `kinds`."""
    return service


def loaded(service: Service, model: str) -> list[str]:
    answer = HTTP.get(f"{service.management}/models/{model}/all", timeout=10)
    return [version["modelVersion"] for version in answer.json()] if answer.status_code == 200 else []


def test_each_is_redeployed_rolled_back_and_canaried_by_itself_under_clients_that_ask_all(three, weights):
    first = {"yolo": BASE, "parts": "1.0", "kinds": "1.0"}
    new = renamed(weights["parts"], three.root / "new-parts.pt")
    for model in ("yolo", "kinds"):
        three.keep_copy(model, NEW_VERSION, prefix=NEW)
    with Clients(three).at_work() as people:
        served = {model: {version} for model, version in first.items()}
        assert people.more() == served
        for model in TASK_KEYS:
            of_model = ("--model", model)
            if model == "parts":
                three.go("scripts/redeploy.sh", str(new), *of_model, "--version", NEW_VERSION, "--accept-drift")
            else:  # what redeploy.sh does after it has packaged weights
                done = three.ops("redeploy", "any.pt", "--packaged", NEW_VERSION, *of_model, "--accept-drift")
                assert done.returncode == 0, done.stdout
            assert people.more() == {**served, model: {NEW_VERSION}}
            three.go("scripts/rollback.sh", *of_model)
            assert people.more() == served
            three.go("scripts/canary.sh", "start", NEW_VERSION, "--percent", "50", *of_model, "--accept-drift")
            assert people.more(60) == {**served, model: {first[model], NEW_VERSION}}
            three.go("scripts/canary.sh", "promote", *of_model)
            assert people.more() == {**served, model: {NEW_VERSION}}
            three.go("scripts/rollback.sh", *of_model)
            assert people.more() == served
    for model, version in first.items():
        assert loaded(three, model) == [version]


def test_a_model_that_fails_leaves_the_others_answering(three, weights):
    with Clients(three, models=("yolo", "parts")).at_work() as people:
        for worker in workers(three, "kinds"):  # it comes back by itself
            worker.send_signal(signal.SIGKILL)
        people.more()
        wait_until(lambda: three.ask(model="kinds").status_code == 200, "the killed worker is back")
        (three.root / "broken.pt").write_bytes(b"not weights")
        refused = three.script("scripts/redeploy.sh", "broken.pt", "--model", "kinds")
        assert refused.returncode != 0
        assert three.ask(model="kinds").json()["model"]["version"] == "1.0"
        gone = three.ask(model="more")
        assert gone.status_code == 404
        assert all(name in gone.json()["error"]["message"] for name in TASK_KEYS)


def test_one_upload_is_answered_by_several_models_in_the_order_asked(three):
    body = three.ask(model="kinds,yolo,parts").json()
    assert [result["model"]["name"] for result in body["results"]] == ["kinds", "yolo", "parts"]
    alone = {model: three.ask(model=model).json() for model in TASK_KEYS}
    for result in body["results"]:
        assert result["detections"] == alone[result["model"]["name"]]["detections"]


def workers(service: Service, model: str) -> list[psutil.Process]:
    described = HTTP.get(f"{service.management}/models/{model}", timeout=10).json()
    return [psutil.Process(worker["pid"]) for version in described for worker in version["workers"]]
