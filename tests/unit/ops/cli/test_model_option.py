"""--model: which commands take it, and whose store an operation then gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.__main__ import parser
from ops.cli import packaging, shell
from ops.errors import UsageError
from ops.paths import store_of
from ops.releases import history
from ops.store import models
from ops.torchserve import host as hosts
from ops.traffic import status
from tests.unit.ops.fake_server import make_current, write_archive

COMMANDS = [
    ["package"],
    ["package-docker"],
    ["redeploy", "new.pt"],
    ["rollback"],
    ["releases"],
    ["releases", "prune", "--keep", "3"],
    ["canary", "start", "new.pt", "--percent", "5"],
    ["canary", "set", "5"],
    ["canary", "promote"],
    ["canary", "abort"],
    ["canary", "auto"],
    ["canary", "status"],
    ["experiment", "start", "night", "--share", "1.1=5"],
    ["experiment", "stop"],
    ["experiment", "status"],
    ["shadow", "start", "new.pt", "--percent", "5"],
    ["shadow", "stop"],
    ["shadow", "status"],
]


def run(*argv: str) -> None:
    arguments = parser().parse_args(argv)
    arguments.check(arguments)
    arguments.run(arguments)


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_every_release_operation_is_of_the_model_that_is_named(argv):
    assert parser().parse_args(argv).model == "yolo"
    assert parser().parse_args([*argv, "--model", "helmets"]).model == "helmets"
    with pytest.raises(UsageError, match=r"--model: 'a\.b' cannot be a model's name: use letters"):
        parser().parse_args([*argv, "--model", "a.b"])


def test_what_concerns_the_whole_server_takes_no_model():
    for argv in (["bluegreen", "up"], ["up"], ["down"]):
        with pytest.raises(SystemExit):
            parser().parse_args([*argv, "--model", "helmets"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A model store with `yolo` and `helmets`."""
    for store in (store_of("yolo", tmp_path), store_of("helmets", tmp_path)):
        write_archive(store, "1.0")
        make_current(store, "1.0")
    monkeypatch.setattr(models, "names", lambda folder, names=models.names: names(tmp_path))
    return tmp_path


def test_an_operation_gets_the_store_of_its_model(folder, monkeypatch):
    asked: list[tuple[Path, ...]] = []
    monkeypatch.setattr(hosts, "here", lambda *stores: asked.append(stores))
    monkeypatch.setattr(history, "print_releases", lambda host, as_json: None)
    run("releases")
    run("releases", "--model", "helmets")
    assert [[store.name for store in stores] for stores in asked] == [[], ["helmets"]]
    with pytest.raises(UsageError, match=r"there is no model plates; there is: yolo, helmets\."):
        run("releases", "--model", "plates")
    assert len(asked) == 2


def test_a_status_reads_the_models_own_counters(served, monkeypatch):
    served.serve("helmets")
    asked = []
    monkeypatch.setattr(models, "require_known", lambda model: store_of(model, served.store))
    monkeypatch.setattr(hosts, "here", lambda store: served.host("helmets"))
    monkeypatch.setattr(status, "print_status", lambda host, gateways, name, as_json: asked.append(gateways))
    run("canary", "status", "--model", "helmets", "--gateway", "http://one")
    seen, (problem,) = asked[0].read()
    assert seen == []
    assert asked[0].address == "/models/helmets"
    assert "http://one" in problem


def test_packaging_is_of_the_model_and_by_default_of_its_own_weights(folder, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("ops.packaging.package.package", lambda weights, store, **how: asked.append((weights, store)))
    monkeypatch.setattr("ops.packaging.package.report", lambda made: None)
    run("package", "--keep-only", "--model", "helmets", "--store", str(folder))
    run("package", "--keep-only", "--weights", "/tmp/plates.pt", "--model", "plates", "--store", str(folder))
    assert [(weights.name, store.name) for weights, store in asked] == [
        ("helmets.pt", "helmets"),
        ("plates.pt", "plates"),
    ], "weights that are called like a model are of it, also before there is one"
    with pytest.raises(UsageError, match="no model helmet; there is: yolo, helmets"):
        run("package", "--keep-only", "--weights", "/tmp/new.pt", "--model", "helmet", "--store", str(folder))
    with pytest.raises(UsageError, match="leave --model out"):
        run("package", "--if-needed", "--model", "helmets")


def test_the_weights_of_yolo_are_best_pt_or_yolo_pt_where_that_alone_is_there(tmp_path):
    assert packaging.default_weights("yolo", tmp_path).name == "best.pt"
    (tmp_path / "yolo.pt").touch()
    assert packaging.default_weights("yolo", tmp_path).name == "yolo.pt"
    (tmp_path / "best.pt").touch()
    assert packaging.default_weights("yolo", tmp_path).name == "best.pt"


def test_the_scripts_learn_the_model():
    assert "model=yolo" in shell.assignments(parser(), ["rollback"]).splitlines()
    assert "model=helmets" in shell.assignments(parser(), ["rollback", "--model", "helmets"]).splitlines()
