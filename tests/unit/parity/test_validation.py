"""`validate.sh` prints the figures of Ultralytics' own `val`, through the gateway and the handler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gateway.main import create_app
from gateway.settings import Settings
from ops.validate.dataset import Sample
from ops.validate.pictures import Frame, Framed, encode
from tests.gateway.support.fake_torchserve import Answer, Asked, FakeTorchServe, serving
from tests.support import ROOT, labelled, wait_until
from tests.support.endpoints import HTTP
from tests.unit.parity.conftest import Served
from tests.unit.parity.families import Family
from yolo import parameters, requests
from yolo.pipeline import Request

#: How far mAP may be from Ultralytics' own.
NEAR = 0.002


@contextmanager
def gateway_of(served: Served) -> Iterator[str]:
    """Run the gateway in front of the handler's modules, which answer in the place of TorchServe."""

    def predict(asked: Asked) -> Answer:
        (outcome,) = served.pipeline.run([Request(asked.body, parameters.parse(asked.query, served.model))])
        assert outcome.error is None, outcome.error
        return Answer(requests.answer(outcome, served.model, "yolo"))

    model = served.model
    details = {"task": model.task, "names": {str(number): name for number, name in model.names.items()}}
    details |= {"imgsz": list(model.imgsz), "stride": model.stride, "head": model.head}
    fake = FakeTorchServe(predict=predict, details=details)
    with serving(fake) as torchserve:
        settings = Settings(torchserve_inference_url=torchserve, torchserve_management_url=torchserve)
        with serving(create_app(settings), lifespan="on") as url:
            wait_until(lambda: HTTP.get(f"{url}/health/ready").status_code == 200, "the gateway is ready")
            yield url


def validate(url: str, data: Path, *options: str) -> dict[str, Any]:
    """Run the command; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", "validate", str(data), "--url", url, "--json", *options],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("YOLO_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def val(weights: Path, data: Path, folder: Path) -> dict[str, Any]:
    """Run Ultralytics' own."""
    shim = ROOT / "benchmarks/rivals/shim"
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.parity.val_process", str(weights), str(data), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(shim), "YOLO_CONFIG_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """mAP of everything within NEAR; the counts of each class are the same."""
    assert [ours["all"]["map50"], ours["all"]["map50_95"]] == pytest.approx(theirs["all"][2:], abs=NEAR)
    assert {row["name"]: [row["images"], row["instances"]] for row in ours["classes"]} == {
        name: row[:2] for name, row in theirs["classes"].items()
    }


def files(served: Served, **fields: str) -> Callable[[Path], labelled.Found]:
    """Look for objects in the files themselves."""

    def find(picture: Path) -> labelled.Found:
        (outcome,) = served.run([(picture.read_bytes(), fields)])
        assert outcome.answer is not None
        assert outcome.size is not None
        return outcome.answer, outcome.size, (0, 0)

    return find


def framed(served: Served, shape: tuple[int, int], **fields: str) -> Callable[[Path], labelled.Found]:
    """Look for objects in the pictures as Ultralytics' validator frames them: random weights find others elsewhere."""
    frame = Frame(served.model.imgsz[0], served.model.stride)

    def find(picture: Path) -> labelled.Found:
        data, placed = encode(Framed(Sample(picture, np.zeros(0), np.zeros((0, 4))), shape), frame)
        assert placed is not None
        (outcome,) = served.run([(data, {**fields, "imgsz": str(frame.padded_side)})])
        assert outcome.answer is not None
        return outcome.answer, placed.size, placed.offset

    return find


def test_trained_weights_have_the_map_of_ultralytics_own_val(
    serve: Callable[..., Served], coco_weights: Path, photos: list[Path], assets: list[Path], tmp_path: Path
) -> None:
    served = serve(coco_weights)
    data = labelled.make(tmp_path / "set", [*photos, *assets], served.model.names, files(served, conf="0.15"))
    theirs = val(coco_weights, data, tmp_path)
    with gateway_of(served) as url:
        ours, originals = validate(url, data), validate(url, data, "--originals")
    assert ours["all"]["instances"] > 100
    assert theirs["all"][3] > 0.3
    assert_equal(ours, theirs)
    # The labels were made from what the service finds in the files themselves.
    assert originals["all"]["map50_95"] > ours["all"]["map50_95"]
    assert (ours["letterbox"], originals["letterbox"]) == ("val", "service")


@pytest.mark.parametrize("yaml", ["yolov8n.yaml", "yolo11n-obb.yaml"])
def test_random_weights_have_the_map_of_ultralytics_own_val(
    family: Callable[[Family], Served], serve: Callable[..., Served], assets: list[Path], tmp_path: Path, yaml: str
) -> None:
    served = serve(sober(family(Family(yaml, yaml)).weights, tmp_path / "sober.pt"))
    side = Frame(served.model.imgsz[0], served.model.stride).padded_side
    find = framed(served, (side, side), conf="0.02", max_det="40")
    data = labelled.make(tmp_path / "set", assets, served.model.names, find)
    with gateway_of(served) as url:
        ours = validate(url, data)
    theirs = val(served.weights, data, tmp_path)
    assert theirs["all"][3] > 0.1
    assert_equal(ours, theirs)


def sober(weights: Path, path: Path) -> Path:
    """Make a random model find small objects, and few of them, as a trained one does.

    The service clips boxes to the picture, and Ultralytics' validator does not: huge boxes would be other boxes.
    """
    checkpoint = torch.load(weights, weights_only=False)
    head = checkpoint["model"].model[-1]
    with torch.no_grad():
        for box, score in zip(head.cv2, head.cv3, strict=True):
            box[-1].bias.view(4, -1).sub_(torch.arange(head.reg_max))  # a distribution over strides
            score[-1].bias.sub_(3)
    torch.save(checkpoint, path)
    return path
