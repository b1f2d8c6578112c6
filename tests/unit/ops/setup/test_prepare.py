"""What up.sh packages: the weights that were asked for, or a reason why not."""

from __future__ import annotations

import hashlib

import pytest

from ops.errors import OpsError
from ops.setup import prepare
from ops.store import releases
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def packaged(monkeypatch):
    """The weights that would have been packaged."""
    made = []
    monkeypatch.setattr(prepare, "copy_samples", lambda: None)
    monkeypatch.setattr(prepare, "package_current", lambda source, *_: made.append(source.read_bytes()))
    monkeypatch.setattr(prepare, "report", lambda package: None)
    monkeypatch.delenv("WEIGHTS", raising=False)
    return made


@pytest.fixture
def store(tmp_path):
    """1.0, made of `old`, is served; there is no best.pt."""
    store = tmp_path / "store"
    store.mkdir()
    write_archive(store, "1.0", b"old")
    make_current(store, "1.0")
    return store


@pytest.fixture
def best(tmp_path):
    return tmp_path / "weights" / "best.pt"


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.pt"
    path.write_bytes(b"mine")
    return path


def test_weights_that_are_asked_for_are_packaged_although_an_archive_is_there(store, best, mine, packaged):
    prepare.prepare(store, best, str(mine))
    assert packaged == [b"mine"]
    assert best.read_bytes() == b"mine"


def test_the_environment_asks_too(store, best, mine, packaged, monkeypatch):
    monkeypatch.setenv("WEIGHTS", str(mine))
    prepare.prepare(store, best)
    assert packaged == [b"mine"]


def test_weights_that_are_asked_for_and_do_not_exist_are_an_error(store, best, packaged):
    with pytest.raises(OpsError, match=r"WEIGHTS=/nowhere/x\.pt: there is no such file"):
        prepare.prepare(store, best, "/nowhere/x.pt")
    assert packaged == []


def test_without_a_wish_the_archive_is_served_as_it_is(store, best, packaged, capsys):
    prepare.prepare(store, best)
    assert packaged == []
    assert "version 1.0 (already there)" in capsys.readouterr().out


def test_where_weights_lie_already_the_wish_is_said_to_be_unused_and_why(store, best, mine, packaged, capsys):
    best.parent.mkdir()
    best.write_bytes(b"old")
    prepare.prepare(store, best, str(mine))
    assert packaged == []
    assert f"WEIGHTS={mine} is not used, because" in capsys.readouterr().out
    best.write_bytes(b"mine")
    prepare.prepare(store, best, str(mine))
    assert "not used" not in capsys.readouterr().out
    best.unlink()  # the advice
    prepare.prepare(store, best, str(mine))
    assert packaged == [b"mine", b"mine"]


def test_weights_of_a_kept_version_are_not_said_to_be_served(store, best, packaged, capsys):
    best.parent.mkdir()
    best.write_bytes(b"rolled back")
    write_archive(store, "1.1", b"rolled back")
    prepare.prepare(store, best)
    assert packaged == []
    said = capsys.readouterr().out
    assert "version 1.0; best.pt is version 1.1, which is kept and not served" in said
    assert "bash scripts/rollback.sh 1.1" in said


def test_weights_of_a_version_that_was_rejected_are_named(store, best, packaged, capsys):
    best.parent.mkdir()
    best.write_bytes(b"bad")
    gone = {hashlib.sha256(b"bad").hexdigest(): {"version": "1.1", "outcome": "refused", "at": ""}}
    releases.save(store, releases.Releases(sources=gone))
    prepare.prepare(store, best)
    assert packaged == []
    assert "best.pt was version 1.1 (refused)" in capsys.readouterr().out
