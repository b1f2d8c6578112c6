"""What up.sh packages of the models other than yolo, and what it says of each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.paths import model_of, store_of
from ops.setup import prepare
from ops.store import inventory, releases, removal
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """`yolo` 1.0, made of `old`, and `helmets` 1.0, made of `hats`, are served."""
    folder = tmp_path / "store"
    for model, weights in (("yolo", b"old"), ("helmets", b"hats")):
        write_archive(store_of(model, folder), "1.0", weights)
        make_current(store_of(model, folder), "1.0")
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """best.pt and helmets.pt are what is served."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "best.pt").write_bytes(b"old")
    (folder / "helmets.pt").write_bytes(b"hats")
    return folder


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """The models that would have been packaged, and of what."""
    made: list[tuple[str, bytes]] = []

    def package(source: Path, store: Path, settle: object) -> None:
        if source.read_bytes() == b"broken":
            raise OpsError(f"{source}: a Git LFS pointer, not weights")
        made.append((model_of(store), source.read_bytes()))
        store.mkdir(parents=True, exist_ok=True)
        write_archive(store, "1.1", source.read_bytes())
        make_current(store, "1.1")

    monkeypatch.setattr(prepare, "copy_samples", lambda: None)
    monkeypatch.setattr(prepare, "package_current", package)
    monkeypatch.setattr(prepare, "report", lambda package: None)
    monkeypatch.delenv("WEIGHTS", raising=False)
    return made


def run(store: Path, weights: Path) -> None:
    prepare.prepare(store, weights / "best.pt")


def test_what_is_new_is_packaged_and_each_model_has_a_line(store, weights, packaged, capsys) -> None:
    (weights / "plates.pt").write_bytes(b"plates")
    run(store, weights)
    assert packaged == [("plates", b"plates")]
    said = capsys.readouterr().out
    assert "archive: version 1.0 (already there)" in said
    assert "helmets: version 1.0 (already there)" in said
    assert "plates: plates.pt is new: packaging it" in said
    run(store, weights)
    assert len(packaged) == 1


def test_new_weights_of_a_model_are_packaged_for_it_alone(store, weights, packaged) -> None:
    (weights / "helmets.pt").write_bytes(b"better hats")
    run(store, weights)
    assert packaged == [("helmets", b"better hats")]


def test_weights_that_cannot_be_packaged_are_reported_and_the_others_go_on(store, weights, packaged, capsys) -> None:
    for name, content in (("a", b"broken"), ("my model", b"x"), ("plates", b"plates")):
        (weights / f"{name}.pt").write_bytes(content)
    run(store, weights)
    assert packaged == [("plates", b"plates")]
    said = capsys.readouterr().out
    assert "  a: not packaged: " in said
    assert "a Git LFS pointer" in said
    assert "my model.pt is not used: 'my model' cannot be a model's name" in said


def test_a_model_whose_file_would_replace_a_kept_version_of_another_is_not_packaged(
    store, weights, packaged, capsys
) -> None:
    write_archive(store, "seg", b"version seg of yolo")
    (weights / "yolo-seg.pt").write_bytes(b"the model yolo-seg")
    before = (store / "yolo-seg.mar").read_bytes()
    run(store, weights)
    assert packaged == []
    assert "yolo-seg: not packaged: yolo-seg.mar is a kept version of the model yolo" in capsys.readouterr().out
    assert (store / "yolo-seg.mar").read_bytes() == before


def test_a_removed_model_is_not_packaged_again_and_the_way_back_is_said(store, weights, packaged, capsys) -> None:
    helmets = store_of("helmets", store)
    state, _ = inventory.look(helmets)
    removal.write(helmets, state)
    (store / "helmets.mar").unlink()
    run(store, weights)
    assert packaged == []
    said = capsys.readouterr().out
    assert "helmets: was removed" in said
    assert "helmets.pt --name helmets" in said
    (weights / "helmets.pt").write_bytes(b"other hats")
    run(store, weights)
    assert packaged == [("helmets", b"other hats")]
    assert removal.read(helmets) is None


def test_a_rollback_of_a_model_is_not_undone(store, weights, packaged, capsys) -> None:
    helmets = store_of("helmets", store)
    write_archive(helmets, "1.1", b"newer hats")
    (weights / "helmets.pt").write_bytes(b"newer hats")
    run(store, weights)
    assert packaged == []
    assert "bash scripts/rollback.sh 1.1 --model helmets" in capsys.readouterr().out


def test_weights_that_were_refused_are_not_packaged_again(store, weights, packaged, capsys) -> None:
    gone = {hashlib.sha256(b"bad hats").hexdigest(): {"version": "1.1", "outcome": "refused", "at": ""}}
    releases.save(store_of("helmets", store), releases.Releases(sources=gone))
    (weights / "helmets.pt").write_bytes(b"bad hats")
    run(store, weights)
    assert packaged == []
    assert "helmets.pt was version 1.1 (refused)" in capsys.readouterr().out


def test_where_there_is_no_best_pt_yolo_pt_is_taken(store, weights, packaged) -> None:
    (weights / "best.pt").rename(weights / "yolo.pt")
    run(store, weights)
    assert packaged == []
    (weights / "yolo.pt").write_bytes(b"new")
    run(store, weights)
    assert packaged == [("yolo", b"new")]
