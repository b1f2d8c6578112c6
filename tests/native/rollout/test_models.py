"""Several models on the real service: brought by up.sh, added and removed while clients ask the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.native.service import Service
from tests.support import clients, small_models, wait_until
from tests.support.endpoints import HTTP

YAML = {"masks": "yolov8n-seg.yaml", "kinds": "yolo11n-cls.yaml", "plates": "yolov8n.yaml"}
POINTER = "version https://git-lfs.github.com/spec/v1\n"


@pytest.fixture
def weights(service: Service, tmp_path: Path) -> Iterator[Path]:
    """Weights of three tasks; nothing is left of their models afterwards."""
    for name, yaml in YAML.items():
        service.hand_over(small_models.save(yaml, tmp_path / f"{name}.pt", service.root / "samples"))
    yield tmp_path
    for name in (*YAML, "broken"):
        (service.root / f"models/weights/{name}.pt").unlink(missing_ok=True)
        if name in listed(service):
            service.go("scripts/models.sh", "remove", name, "--purge")


def listed(service: Service) -> dict[str, str]:
    """The state of each model."""
    models = json.loads(service.script("scripts/models.sh", "list", "--json").stdout)["models"]
    return {model["name"]: model["state"] for model in models}


def ask(service: Service, model: str) -> httpx.Response:
    return service.ask(model=model)


def task(service: Service, model: str) -> str:
    answer = ask(service, model)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["model"]["name"] == model
    found: str = body["task"]
    return found


def processes(service: Service) -> set[int]:
    """The workers and Java: what restarts has others."""
    return {process.pid for process in service.checkout.processes("org.pytorch.serve.ModelServer")}


def test_models_are_brought_added_and_removed_while_the_others_answer(service: Service, weights: Path) -> None:
    folder = service.root / "models/weights"
    for name in ("masks", "kinds"):
        (folder / f"{name}.pt").write_bytes((weights / f"{name}.pt").read_bytes())
    (folder / "broken.pt").write_text(POINTER)
    said = service.go("scripts/up.sh", "--native")
    assert "masks: masks.pt is new: packaging it" in said
    assert "broken: not packaged: " in said
    assert "a Git LFS pointer" in said
    assert listed(service) == {"yolo": "served", "kinds": "served", "masks": "served"}
    assert [task(service, name) for name in ("yolo", "kinds", "masks")] == ["detect", "classify", "segment"]
    java = processes(service)

    with clients(3, lambda: service.ask()) as of_yolo, clients(3, lambda: ask(service, "kinds")) as of_kinds:
        service.go("scripts/models.sh", "add", str(weights / "plates.pt"), "--name", "plates", "--note", "the yard")
        assert task(service, "plates") == "detect"
        service.go("scripts/models.sh", "add", str(weights / "plates.pt"), "--name", "kinds", code=8)
        service.go("scripts/models.sh", "add", str(folder / "broken.pt"), "--name", "other", code=1)
        service.go("scripts/models.sh", "remove", "masks")
        refused = ask(service, "masks")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
        assert listed(service) == {"yolo": "served", "kinds": "served", "plates": "served", "masks": "removed"}
        again = service.go("scripts/up.sh", "--native")
        assert "masks: was removed, and its weights are the same" in again
        assert "services: already running" in again
        service.go("scripts/models.sh", "add", "1.0", "--name", "masks")
        assert task(service, "masks") == "segment"
        service.go("scripts/models.sh", "remove", "yolo", code=2)
        answers_what_it_was_asked_before(service, "plates")
        of_yolo.fresh()
        of_kinds.fresh()
    assert of_yolo.statuses == {200}
    assert of_kinds.statuses == {200}
    assert processes(service) == java


def answers_what_it_was_asked_before(service: Service, model: str) -> None:
    """Remove a model and its archives while clients ask it: each gets an answer, or is told that it is gone."""
    with clients(4, lambda: ask(service, model), pause_s=0.05) as load:
        load.fresh()
        service.go("scripts/models.sh", "remove", model, "--purge")
        wait_until(lambda: {answer.status for answer in load.fresh(4)} == {404}, "the model is unknown")
    assert load.statuses == {200, 404}
    assert HTTP.get(f"{service.management}/models/{model}").status_code == 404
    assert [path.name for path in service.store.glob(f"{model}*")] == []
    assert model not in listed(service)
