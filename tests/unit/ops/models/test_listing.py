"""The list of models: what each is, whether it is served, and what to do where it is not."""

from __future__ import annotations

import json

import pytest

from ops.models import listing
from ops.models.listing import list_models, print_models, print_when_loaded
from ops.models.remove import remove
from ops.paths import current_archive, store_of
from ops.store import intent, lock
from tests.unit.ops.fake_server import FakeServer, make_current, write_archive


@pytest.fixture
def helmets(served):
    served.serve("helmets", "1.0", b"hats")
    return store_of("helmets", served.store)


@pytest.fixture
def found(host):
    return lambda: {one.name: one for one in list_models(host)}


def test_each_model_has_a_row(served, host, capsys):
    print_models(host)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "task", "version", "state", "memory"]
    assert lines[1].split()[:6] == ["yolo", "detect", "1.0", "served,", "1", "worker"]
    assert lines[2].split()[:8] == ["helmets", "detect", "1.0", "served,", "1", "worker", "about", "300.0"]


def test_json_is_for_programs(served, host, capsys):
    print_models(host, as_json=True)
    body = json.loads(capsys.readouterr().out)
    assert body["schema"] == 1
    assert [(one["name"], one["state"], one["version"], one["workers"]) for one in body["models"]] == [
        ("yolo", "served", "1.0", 1),
        ("helmets", "served", "1.0", 1),
    ]


def test_the_states(served, helmets, host, found):
    other = served.others["helmets"]
    other.workers = {"1.0": [("UNLOADING", 0)]}
    assert found()["helmets"].state == "loading"
    other.workers = {"1.0": [("WORKER_ERROR", 7)]}
    assert found()["helmets"].state == "failing"
    del served.others["helmets"]
    missing = found()["helmets"]
    assert missing.state == "not loaded"
    assert "docker compose restart torchserve" in missing.notes[-1]
    host.compose = False
    assert "bash scripts/down.sh && bash scripts/up.sh" in found()["helmets"].notes[-1]
    served.down = True
    assert {one.state for one in found().values()} == {"unknown"}


def test_a_model_without_workers_on_purpose_is_unloaded(served, helmets, found, monkeypatch):
    described = FakeServer._described

    def unloaded(fake, versions):
        answer = described(fake, versions)
        body = json.loads(answer.content)
        for entry in body:
            entry.update(minWorkers=0, workers=[])
        return type(answer)(200, json=body)

    monkeypatch.setattr(FakeServer, "_described", unloaded)
    assert found()["helmets"].state == "unloaded"


def test_a_removed_model_is_last_and_says_how_to_bring_it_back(served, helmets, host, found, capsys):
    served.serve("plates")
    remove(host)
    capsys.readouterr()
    assert list(found()) == ["yolo", "plates", "helmets"]
    gone = found()["helmets"]
    assert (gone.state, gone.version, gone.kept) == ("removed", None, ["1.0"])
    assert "To bring it back: bash scripts/models.sh add 1.0 --name helmets" in gone.notes[0]
    remove(host, purge=True)
    assert list(found()) == ["yolo", "plates"]


def test_what_differs_from_the_store_is_noted(served, helmets, found):
    write_archive(helmets, "1.1", b"other hats")
    make_current(helmets, "1.1")
    assert "a restart would serve 1.1" in found()["helmets"].notes
    current_archive(helmets).unlink()
    assert "no start serves it" in found()["helmets"].notes[-1]


def test_an_operation_at_work_and_one_that_was_cut_off_are_noted(served, helmets, found):
    with lock.held(helmets, "redeploy of 1.1"):
        assert "redeploy of 1.1" in found()["helmets"].notes[-1]
    intent.write(helmets, intent.Intent("models remove", "helmets", "1.0", kind="remove"))
    assert "releases.sh recover --model helmets" in found()["helmets"].notes[-1]


def test_up_waits_for_models_that_load_and_shows_them_where_there_are_several(served, capsys, monkeypatch):
    monkeypatch.setattr(listing, "LOAD_S", 10.0)
    print_when_loaded(served.host())
    assert capsys.readouterr().out == "", "yolo alone has been waited for already"
    served.serve("helmets").workers = {"1.0": [("UNLOADING", 0)]}
    asked = []

    def load(fake):
        asked.append(fake.others["helmets"].workers)
        if len(asked) == 2:
            fake.others["helmets"].workers = {"1.0": [("READY", 5)]}

    served.faults["GET /models/helmets"] = load
    print_when_loaded(served.host())
    assert "helmets  detect  1.0      served, 1 worker" in capsys.readouterr().out
    assert len(asked) == 3
