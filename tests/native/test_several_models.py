"""Three models of three tasks on one real TorchServe, with their settings of models.toml; an idle one is unloaded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.native.checkout import Checkout
from tests.native.service import Service
from tests.native.task_answers import look
from tests.support import small_models, wait_until
from tests.support.endpoints import HTTP

YAML = {"parts": "yolov8n-seg.yaml", "kinds": "yolo11n-cls.yaml"}
MODELS_TOML = """\
[parts]
conf = 0.2
max_det = 3
idle_unload_s = 5

[kinds]
batch = 4
workers = 2
imgsz = 128
"""


@pytest.fixture(scope="module")
def several(installed: Service) -> Iterator[Checkout]:
    """The service with a segmenter and a classifier next to the demonstration weights."""
    checkout = installed.checkout
    weights, store = checkout.root / "models/weights", installed.store
    for name, yaml in YAML.items():
        small_models.save(yaml, weights / f"{name}.pt", checkout.root / "samples")
    toml = checkout.root / "models/models.toml"
    toml.write_text(MODELS_TOML)
    checkout.up(WORKERS="1", THREADS="1", SEVERAL_MODELS="1")  # a setting of no meaning: it starts the service anew
    checkout.wait_ready()
    yield checkout
    toml.unlink()
    for name in YAML:
        (weights / f"{name}.pt").unlink()
        for archive in store.glob(f"{name}*.mar"):
            archive.unlink()
        shutil.rmtree(store / "models.d" / name)
    checkout.run("scripts/down.sh")


def ask(service: Checkout, model: str, **query: Any) -> Any:
    street = (service.root / "samples/street.jpg").read_bytes()
    answer = HTTP.post(f"{service.gateway}/predict", params={"model": model, **query}, content=street)
    assert answer.status_code == 200, answer.text
    return answer.json()


def described(service: Checkout, model: str, customized: str = "true") -> Any:
    """TorchServe's description of a model's only version, with that of the handler, which takes a worker."""
    answer = HTTP.get(f"{service.management}/models/{model}", params={"customized": customized})
    assert answer.status_code == 200, answer.text
    (version,) = answer.json()
    return version


def workers(service: Checkout, model: str) -> int:
    """The number of a model's workers, READY or not."""
    return len(described(service, model, customized="false")["workers"])


def memory(service: Checkout) -> int:
    """The memory of TorchServe's processes in MB, shared pages divided among them."""
    marks = ("org.pytorch.serve.ModelServer", "model_service_worker.py")
    return sum(one.memory_full_info().pss for mark in marks for one in service.processes(mark)) // 1_000_000


def test_each_model_has_its_own_workers_and_its_own_defaults_which_a_request_overrides(several):
    log = several.log("torchserve")
    assert "torchserve: parts 1.0, 1 worker(s) x 1 thread(s)" in log
    assert "torchserve: kinds 1.0, 2 worker(s) x 1 thread(s)" in log
    tasks = {model: ask(several, model)["task"] for model in ("yolo", *YAML)}
    assert tasks == {"yolo": "detect", "parts": "segment", "kinds": "classify"}
    found = ask(several, "parts")
    assert len(found["detections"]) == 3
    assert all(each["confidence"] > 0.2 for each in found["detections"])
    look(found)
    look(ask(several, "kinds"))
    assert len(ask(several, "parts", max_det=5, conf=0.01)["detections"]) == 5
    wait_until(lambda: workers(several, "kinds") == 2, "kinds has its workers")
    kinds = described(several, "kinds")
    assert (kinds["minWorkers"], kinds["batchSize"]) == (2, 4)
    assert kinds["customizedMetadata"]["imgsz"] == [128, 128]
    assert kinds["customizedMetadata"]["workers"] == 2
    assert described(several, "yolo")["customizedMetadata"]["thresholds"] == {"conf": 0.25, "iou": 0.7, "max_det": 300}


def test_a_mistake_in_the_file_is_named_before_anything_is_stopped(several):
    path = several.root / "models/models.toml"
    path.write_text("[parts]\nconfidence = 0.2\n[kinds]\nbatch = 0\n")
    try:
        done = several.run("scripts/up.sh", "--native")
    finally:
        path.write_text(MODELS_TOML)
    assert done.returncode == 1
    assert "[parts] has the unknown key 'confidence'; did you mean conf?" in done.stdout
    assert "[kinds] batch = 0: use a whole number from 1 to 256" in done.stdout
    assert several.ready()


def test_a_model_that_is_asked_stays_loaded(several):
    ask(several, "parts")
    (worker,) = described(several, "parts")["workers"]
    end = time.monotonic() + 8
    while time.monotonic() < end:
        ask(several, "parts", imgsz=64)  # little work: what counts is the request
        time.sleep(1)
    assert described(several, "parts")["workers"][0]["pid"] == worker["pid"]


def test_an_idle_model_is_unloaded_gives_its_memory_back_and_is_loaded_by_the_next_request(several):
    ask(several, "parts")
    loaded = memory(several)
    wait_until(lambda: workers(several, "parts") == 0, "parts is unloaded")
    unloaded = wait_until(lambda: loaded - memory(several) > 150 and memory(several), "its memory is given back")
    assert several.ready()
    listed = HTTP.get(f"{several.gateway}/models").json()["models"]
    assert [model["name"] for model in listed if model["versions"][0].get("state") == "unloaded"] == ["parts"]
    print(f"loaded {loaded} MB, unloaded {unloaded} MB")
    assert len(ask(several, "parts")["detections"]) == 3
    assert workers(several, "parts") == 1
    assert "torchserve: parts is unloaded: no request for " in several.log("torchserve")
    assert workers(several, "kinds") == 2, "a model without the setting stays"
