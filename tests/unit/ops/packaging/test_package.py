"""A new archive is tried as a worker would load it before anything of it is kept."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

# Set before ultralytics is imported anywhere: it must not install, call home or write to the home folder.
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="yolo-config-"))

import pytest

from ops.errors import OpsError
from ops.packaging import export, package, trial
from ops.packaging.current import package_current
from ops.paths import store_of
from ops.store import intent
from ops.store.intent import Intent
from tests.support import ROOT

# The smallest network with a detection head: it is exported in a moment.
TINY = {
    "nc": 3,
    "scales": {"n": [1, 1, 1024]},
    "backbone": [[-1, 1, "Conv", [8, 3, 2]]] * 5,
    "head": [[[2, 3, 4], 1, "Detect", ["nc"]]],
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.manual_seed(0)
    torch.save({"model": DetectionModel(TINY, verbose=False), "train_args": {"imgsz": 64, "task": "detect"}}, path)
    return path


@pytest.fixture
def exported(weights, tmp_path_factory, monkeypatch):
    """The export, made once: what it writes, and what it returns."""
    folder = tmp_path_factory.getbasetemp() / "exported"
    if not folder.exists():
        folder.mkdir()
        (folder / "document.json").write_text(json.dumps(export.export(weights, folder)))
    document = json.loads((folder / "document.json").read_text())

    def again(weights: Path, directory: Path):
        shutil.copytree(folder / "openvino", directory / "openvino")
        return document, []

    monkeypatch.setattr(package, "export_apart", again)
    return document


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with an archive that serves, in a folder with an odd name."""
    store = tmp_path / "100%, ü #[1]"
    store.mkdir()
    (store / "yolo.mar").write_bytes(b"serves")
    return store


def test_an_archive_that_a_worker_can_serve_becomes_current(weights, store, capsys):
    made = package_current(weights, store)
    assert made.path == store / "yolo.mar"
    assert made.path.read_bytes() == (store / "yolo-1.0.mar").read_bytes()
    assert "trying version 1.0 as the server loads it: done" in capsys.readouterr().out
    assert [path.name for path in store.glob(".*")] == [".release-guard"]
    with zipfile.ZipFile(made.path) as mar:
        for package_folder in (ROOT / "serving/torchserve/yolo", ROOT / "common/image_formats"):
            for module in package_folder.rglob("*.py"):
                assert mar.read(module.relative_to(package_folder.parent).as_posix()) == module.read_bytes()


def test_an_archive_that_a_worker_cannot_serve_replaces_nothing(weights, store, exported):
    exported["names"] = {str(index): str(index) for index in range(80)}  # the head has three
    with pytest.raises(OpsError, match=r"a worker could not serve the new archive: .*Nothing changed"):
        package_current(weights, store)
    assert [path.name for path in store.iterdir()] == ["yolo.mar"]
    assert (store / "yolo.mar").read_bytes() == b"serves"


def test_the_archive_of_another_model_has_its_name_and_its_own_versions(weights, store, exported):
    helmets = store_of("helmets", store)
    made = package_current(weights, helmets)
    assert made.path == store / "helmets.mar"
    assert made.path.read_bytes() == (store / "helmets-1.0.mar").read_bytes()
    with zipfile.ZipFile(made.path) as mar:
        assert json.loads(mar.read("MAR-INF/MANIFEST.json"))["model"]["modelName"] == "helmets"
    assert package.package(weights, store=helmets).version == "1.1"
    assert (store / "yolo.mar").read_bytes() == b"serves"
    assert sorted(path.name for path in store.glob(".*")) == [], "nothing is left of the packaging"
    intent.write(helmets, Intent("redeploy", "1.1", "1.0", fresh=True))
    with pytest.raises(OpsError, match=r"releases\.sh recover --model helmets"):
        package_current(weights, helmets)


def test_a_release_that_was_cut_off_is_finished_before_yolo_mar_is_replaced(weights, store, exported, monkeypatch):
    monkeypatch.setattr(trial, "run", lambda archive, scratch: None)
    intent.write(store, Intent("redeploy", "1.1", "1.0", fresh=True))
    with pytest.raises(OpsError, match=r"the redeploy of 1\.1 was cut off"):
        package_current(weights, store)
    assert not list(store.glob("yolo-*.mar"))
    settled = []

    def settle(where: Path) -> None:
        assert (store / "yolo.mar").read_bytes() == b"serves"
        settled.append(where)

    package_current(weights, store, settle)
    assert settled == [store]


def test_an_intent_that_is_not_understood_is_refused_before_anything_is_exported(weights, store, monkeypatch):
    monkeypatch.setattr(package, "export_apart", lambda *_: pytest.fail("exported"))
    (store / intent.NAME).write_text('{"schema": 9}')
    with pytest.raises(OpsError, match="newer version of this program"):
        package_current(weights, store)
    assert (store / intent.NAME).exists()


HANDLER = """
import {needed}
class Handler:
    def initialize(self, context):
        {initialize}
    def handle(self, data, context):
        return ['[{{"model": {{"version": "1.0"}}}}]']
"""


def archive(folder: Path, needed: str = "json", initialize: str = "pass", version: str = "1.0") -> Path:
    model = {"modelName": "yolo", "modelVersion": version, "handler": "yolo_handler.py"}
    path = folder / "yolo.mar"
    with zipfile.ZipFile(path, "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": model}))
        mar.writestr("yolo_handler.py", HANDLER.format(needed=needed, initialize=initialize))
    return path


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"needed": "nonsense_module"}, "ModuleNotFoundError: No module named 'nonsense_module'"),
        # The checkout's are not used: an archive is tried with the code that it carries.
        ({"needed": "image_formats"}, "ModuleNotFoundError: No module named 'image_formats'"),
        ({"initialize": "raise ValueError('head: 80 classes')"}, "ValueError: head: 80 classes"),
        ({"initialize": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}, "memory is short"),
        ({"initialize": "import time; time.sleep(30)"}, "it was not ready within 1 s"),
        ({"version": "2.0"}, "the handler says that its version is 1.0"),
    ],
)
def test_the_reason_is_told_in_one_line(tmp_path, monkeypatch, wrong, why):
    if "sleep" in wrong.get("initialize", ""):
        monkeypatch.setattr(trial, "TIMEOUT_S", 1.0)
    begun = time.monotonic()
    with pytest.raises(OpsError) as caught:
        trial.run(archive(tmp_path, **wrong), tmp_path)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < 25
    assert not (tmp_path / "trial").exists()


def test_a_worker_that_answers_is_taken(tmp_path):
    trial.run(archive(tmp_path), tmp_path)
