"""Weights to metadata and OpenVINO IR, and weights that are none."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest
import torch

from ops.packaging.export import _RENUMBER, ExportError, export, inspect
from tests.unit.parity.conftest import Served
from tests.unit.parity.families import CLASSIFY, DETECT, IMGSZ, POSE
from yolo import metadata


@pytest.fixture(scope="module")
def served(family: Callable[..., Served]) -> Served:
    return family(DETECT[0])


def test_the_description_is_that_of_the_model(served: Served) -> None:
    found = inspect(served.weights)
    assert (found["task"], found["head"], found["end2end"], found["kpt_shape"]) == ("detect", "Detect", False, None)
    assert (found["imgsz"], found["stride"], found["channels"]) == ([IMGSZ, IMGSZ], 32, 3)
    assert found["names"]["79"]
    data = served.weights.read_bytes()
    assert found["source"] == {
        "name": served.weights.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }


def test_a_pose_model_tells_its_keypoints_and_a_classifier_its_size(family: Callable[..., Served]) -> None:
    assert family(POSE[0]).model.kpt_shape == (17, 3)
    assert family(CLASSIFY[0]).model.task == "classify"


def test_the_exported_model_takes_any_batch_height_and_width(served: Served) -> None:
    graph = ov.Core().read_model(served.folder / "openvino/model.xml")
    assert str(graph.input().partial_shape) == "[?,3,?,?]"


def test_nothing_is_written_beside_the_weights(served: Served, tmp_path: Path) -> None:
    weights = tmp_path / "weights" / "mine.pt"
    weights.parent.mkdir()
    weights.write_bytes(served.weights.read_bytes())
    weights.parent.chmod(0o500)
    try:
        document = export(weights, tmp_path / "out")
    finally:
        weights.parent.chmod(0o700)
    assert [path.name for path in weights.parent.iterdir()] == ["mine.pt"]
    assert sorted(path.name for path in (tmp_path / "out/openvino").iterdir()) == ["model.bin", "model.xml"]
    assert document["engines"] == {"openvino": "openvino/model.xml", "torch": "best.pt"}
    assert document["thresholds"] == {"conf": 0.25, "iou": 0.7, "max_det": 300}
    assert set(document["libraries"]) == {"ultralytics", "torch", "openvino"}


def test_threads_and_environment_are_left_as_they_were(served: Served) -> None:
    cv2.setNumThreads(2)
    before = (torch.get_num_threads(), cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS"))
    inspect(served.weights)
    assert (torch.get_num_threads(), cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS")) == before


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"best\.pt is not a file"):
        inspect(tmp_path / "best.pt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"hello, I am a text file", "cannot be loaded"),
        (random.Random(5).randbytes(5000), "cannot be loaded"),
    ],
    ids=["empty", "html", "lfs", "text", "noise"],
)
def test_files_that_are_no_weights_are_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=said):
        inspect(path)


def test_truncated_weights_are_refused(tmp_path: Path, served: Served) -> None:
    path = tmp_path / "best.pt"
    path.write_bytes(served.weights.read_bytes()[:100_000])
    with pytest.raises(ExportError, match="cannot be loaded") as caught:
        inspect(path)
    assert str(tmp_path) not in str(caught.value)
    assert "/tmp" not in str(caught.value)


def test_a_state_dict_and_other_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    layer = torch.nn.Linear(2, 2)
    for content in (layer.state_dict(), {"model": layer.state_dict()}, {"epoch": 3}, [1, 2]):
        torch.save(content, path)
        with pytest.raises(ExportError, match="cannot be loaded"):
            inspect(path)
    torch.save({"model": layer}, path)
    with pytest.raises(ExportError, match="holds a Linear"):
        inspect(path)
    path.write_bytes(pickle.dumps({"model": 1}))
    with pytest.raises(ExportError, match="cannot be loaded"):
        inspect(path)


def test_a_task_that_is_not_served_is_named(tmp_path: Path) -> None:
    from ultralytics import YOLO

    path = tmp_path / "best.pt"
    model = YOLO("yolo26n-sem.yaml", verbose=False)
    torch.save({"model": model.model, "train_args": {"task": "semantic"}}, path)
    with pytest.raises(ExportError, match="semantic model; these tasks can be served: detect"):
        inspect(path)


def test_weights_that_answer_no_numbers_are_refused(tmp_path: Path, served: Served) -> None:
    path = tmp_path / "best.pt"
    checkpoint = torch.load(served.weights, weights_only=False)
    with torch.no_grad():
        checkpoint["model"].model[0].conv.weight.fill_(np.nan)
    torch.save(checkpoint, path)
    with pytest.raises(ExportError, match="is not finite"):
        export(path, tmp_path / "out")


def test_an_end_to_end_head_that_is_not_there_is_refused(tmp_path: Path, served: Served) -> None:
    with pytest.raises(ExportError, match="no end-to-end head"):
        export(served.weights, tmp_path, end2end=True)


@pytest.fixture
def changed(tmp_path: Path, served: Served) -> Callable[..., Path]:
    """Return a function that saves the weights with another attribute of the model, or another training argument."""

    def change(names: Any = None, **arguments: Any) -> Path:
        checkpoint = torch.load(served.weights, weights_only=False)
        if names is not None:
            checkpoint["model"].names = names
        checkpoint["train_args"].update(arguments)
        torch.save(checkpoint, tmp_path / "best.pt")
        return tmp_path / "best.pt"

    return change


def test_every_class_of_the_head_has_a_name_however_many_were_given(changed: Callable[..., Path]) -> None:
    few = inspect(changed({0: "person", 1: "bicycle", 2: "car"}))["names"]
    assert (len(few), few["0"], few["2"], few["3"], few["79"]) == (80, "person", "car", "3", "79")
    many = inspect(changed([f"class {index}" for index in range(100)]))["names"]
    assert (len(many), many["79"]) == (80, "class 79")
    assert inspect(changed({}))["names"]["5"] == "5"


def test_the_user_is_told_that_names_and_head_disagree(changed: Callable[..., Path], tmp_path: Path) -> None:
    told: list[str] = []
    document = export(changed({0: "person", 1: "bicycle", 2: "car"}), tmp_path / "out", tell=told.append)
    assert told == ["the model has 80 classes, and 3 names: the others have their number for a name"]
    assert len(metadata.parse({"version": "1.0", **document}).names) == 80


@pytest.mark.parametrize("names", [{1: "a", 2: "b"}, {0: "a", 7: "b"}, {"x": "a"}], ids=["from 1", "a gap", "text"])
def test_names_that_predict_refuses_are_refused_with_the_fix(changed: Callable[..., Path], names: Any) -> None:
    with pytest.raises(
        ExportError, match=r"classes are numbered from 0 to 79.*dict\(enumerate\(m\.names\.values"
    ) as caught:
        inspect(changed(names))
    assert "\n" not in str(caught.value)


def test_the_fix_for_names_numbered_from_1_works(changed: Callable[..., Path]) -> None:
    path = changed({index + 1: f"class {index}" for index in range(80)})
    subprocess.run([sys.executable, "-c", _RENUMBER], cwd=path.parent, check=True)
    assert inspect(path)["names"]["79"] == "class 79"


@pytest.mark.parametrize(
    ("given", "side"),
    [("640", [640, 640]), ("[640, 480]", [640, 480]), ((320, 640), [320, 640]), (600.0, [608, 608]), ("", [640, 640]),
     (None, [640, 640]), (0, [640, 640]), ([416], [416, 416])],
)  # fmt: skip
def test_the_size_in_a_checkpoint_may_be_a_number_a_list_or_text(
    changed: Callable[..., Path], given: Any, side: Any
) -> None:
    assert inspect(changed(imgsz=given))["imgsz"] == side
