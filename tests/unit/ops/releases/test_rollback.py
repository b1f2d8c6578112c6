"""Rollback: with TorchServe up, with it down, and after it was killed."""

import json

import pytest

from ops.errors import NoSuchVersionError, RestartNeededError
from ops.releases import rollback
from ops.rollout import recovery
from ops.store import audit, intent
from tests.unit.ops.conftest import current, redeploy_fresh
from tests.unit.ops.fake_server import make_current


def test_a_rollback_goes_to_the_previous_version_and_again_forward(served):
    redeploy_fresh(served)
    rollback.rollback(served.host())
    assert (current(served), served.default) == ("1.0", "1.0")
    rollback.rollback(served.host())
    assert (current(served), served.default) == ("1.1", "1.1")


def test_a_rollback_answers_with_one_worker_while_the_others_load(served):
    redeploy_fresh(served)
    served.workers["1.1"] = [("READY", 100), ("READY", 101)]
    scaled = []
    served.faults["PUT /models/yolo/1.0"] = lambda fake: scaled.append((fake.default, len(fake.workers["1.0"])))
    rollback.rollback(served.host())
    # One worker, then the default, then the other one; the old version is there all the while.
    assert scaled == [("1.1", 0), ("1.1", 1), ("1.0", 1)]
    assert served.workers == {"1.0": [("READY", 200), ("READY", 201)]}


def test_a_rollback_that_was_killed_before_its_other_workers_gets_them_from_the_next_operation(served):
    redeploy_fresh(served)
    served.workers["1.1"] = [("READY", 100), ("READY", 101)]
    intent.write(served.store, intent.Intent("rollback", "1.0", "1.1", False))
    make_current(served.store, "1.0")
    served.workers["1.0"] = [("READY", 200)]
    served.default = "1.0"
    recovery.recover(served.host())
    assert audit.entries(served.store)[-1]["detail"].endswith("completed")
    assert served.workers == {"1.0": [("READY", 200), ("READY", 201)]}


def test_a_rollback_with_nothing_before_names_what_there_is(served):
    with pytest.raises(NoSuchVersionError, match=r"1\.0"):
        rollback.rollback(served.host())


def test_a_rollback_to_a_damaged_archive_changes_nothing(served):
    redeploy_fresh(served)
    path = served.store / "yolo-1.0.mar"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(NoSuchVersionError, match="sha256"):
        rollback.rollback(served.host(), "1.0")
    assert (current(served), served.default) == ("1.1", "1.1")


def test_a_rollback_while_the_server_is_down_decides_on_disk_and_asks_for_a_restart(served, monkeypatch):
    redeploy_fresh(served)
    served.down = True
    monkeypatch.setattr(rollback, "DOWN_AFTER_S", 0.0)
    with pytest.raises(RestartNeededError):
        rollback.rollback(served.host(), "1.0")
    assert current(served) == "1.0"
    assert json.loads((served.store / "releases.json").read_text())["roles"]["previous"] == "1.1"


def test_a_dry_run_of_a_rollback_lists_its_steps_and_changes_nothing(served, capsys):
    redeploy_fresh(served)
    rollback.rollback(served.host(), dry_run=True)
    said = capsys.readouterr().out
    assert "register     1.0 next to 1.1" in said
    assert "drain        1.1, then unregister it" in said
    assert (current(served), served.default) == ("1.1", "1.1")
    rollback.rollback(served.host(), "1.1", dry_run=True)
    assert "served already: nothing is changed" in capsys.readouterr().out


def test_a_dry_run_of_a_rollback_says_that_a_server_that_is_down_would_be_restarted(served, monkeypatch, capsys):
    redeploy_fresh(served)
    served.down = True
    monkeypatch.setattr(rollback, "DOWN_AFTER_S", 0.0)
    rollback.rollback(served.host(), dry_run=True)
    assert "restart      TorchServe, which is down, on 1.0" in capsys.readouterr().out
    assert current(served) == "1.1"
