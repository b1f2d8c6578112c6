"""Files that are not weights of Ultralytics are told apart, each with its fix, in one line."""

from __future__ import annotations

import gzip
import pickle
import re
import sys
import types
import warnings
import zipfile

import pytest
import torch

from ops.packaging import diagnosis


def foreign(module: str, name: str) -> type:
    """A class of a module that is not installed here."""
    return type(name, (torch.nn.Module,), {"__module__": module})


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Save a checkpoint that contains an object of a class of that name, in a module that exists only meanwhile."""

    def save(module: str, name: str, legacy: bool = False):
        found = foreign(module, name)
        parts = module.split(".")
        with monkeypatch.context() as patch:
            for end in range(1, len(parts) + 1):
                part = ".".join(parts[:end])
                if part not in sys.modules:
                    patch.setitem(sys.modules, part, types.ModuleType(part))
            patch.setattr(sys.modules[module], name, found, raising=False)
            path = tmp_path / "best.pt"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the source of the class, which is not there
                torch.save({"model": found(), "epoch": 3}, path, _use_new_zipfile_serialization=not legacy)
        return path

    return save


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("module", "name", "cause"),
    [
        ("models.yolo", "DetectionModel", "old repository of YOLOv5, YOLOv7 or YOLOv9"),
        ("super_gradients.training.models", "YoloNAS_S", "YOLO-NAS"),
        ("__main__", "MyHead", "objects of MyHead, which the script"),
        ("yolov6.models.yolo", "Model", r"needs yolov6\.models\.yolo, which Ultralytics [\d.]+ does not have"),
        ("ultralytics.nn.modules.block", "C3Fancy", r"needs ultralytics\.nn\.modules\.block\.C3Fancy"),
        ("ultralytics.nn.fancy", "Head", r"needs ultralytics\.nn\.fancy\.Head"),
    ],
)
def test_what_a_checkpoint_needs_is_named_with_the_fix(saved, module, name, cause, legacy):
    said = diagnosis.explain(saved(module, name, legacy))
    assert said is not None
    assert re.search(cause, said)
    assert "\n" not in said
    assert any(fix in said for fix in ("Train it again with Ultralytics", "Save it without them"))


def test_numbers_without_a_model_are_named_with_the_way_to_make_it_whole(tmp_path):
    path = tmp_path / "best.pt"
    layer = torch.nn.Linear(2, 2)
    for content in (layer.state_dict(), {"net": layer.state_dict(), "epoch": 3}):
        torch.save(content, path)
        said = diagnosis.explain(path)
        assert "state_dict" in said
        assert "load_state_dict" in said
        assert "\n" not in said


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["model/data.pkl", "model/code/__torch__.py"], "TorchScript"),
        (["runs/train/weights/best.pt", "runs/args.yaml"], r"contains runs/train/weights/best\.pt: unpack it first"),
        (["MAR-INF/MANIFEST.json", "best.pt"], "unzip -p"),
        (["word/document.xml"], "a zip archive without weights"),
        (["best/data.pkl", "best/data/0"], None),
    ],
)
def test_zip_files_are_told_apart(tmp_path, members, said):
    path = tmp_path / "best.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"x")
    found = diagnosis.find_mistaken(path)
    assert (found is None) == (said is None)
    if said:
        assert re.search(said, found)


def test_a_compressed_file_is_told_apart(tmp_path):
    path = tmp_path / "best.pt"
    path.write_bytes(gzip.compress(b"weights"))
    assert "gunzip" in diagnosis.find_mistaken(path)


def test_what_says_nothing_is_left_to_the_loader(tmp_path):
    path = tmp_path / "best.pt"
    for content in (b"noise" * 100, pickle.dumps({"model": 1}), b""):
        path.write_bytes(content)
        assert diagnosis.explain(path) is None
