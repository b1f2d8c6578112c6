"""A store with a version that serves and one that was just packaged, and no waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.releases import redeploy
from ops.rollout import recovery
from ops.rollout.candidate import Packaging
from ops.store import inventory, releases, routing
from ops.torchserve import drain
from tests.support.archives import left_over
from tests.unit.ops.fake_server import FakeServer, make_current, write_archive


@pytest.fixture
def impatient(monkeypatch):
    """Nobody else is there who would need time to notice something."""
    monkeypatch.setattr(routing, "NOTICE_S", 0.0)
    monkeypatch.setattr(drain, "SETTLE_S", 0.0)
    monkeypatch.setattr(drain, "OTHERS_S", 0.0)


def serving(store: Path) -> FakeServer:
    """1.0 is current and served, 1.1 was just packaged."""
    store.mkdir(exist_ok=True)
    write_archive(store, "1.0", b"old")
    make_current(store, "1.0")
    releases.save(store, inventory.look(store)[0])
    write_archive(store, "1.1", b"new", padding=300_000)
    return FakeServer(store)


@pytest.fixture
def served(tmp_path, impatient) -> FakeServer:
    """`serving`, in a hurry."""
    return serving(tmp_path)


def redeploy_fresh(server: FakeServer, note: str = "", **options: bool) -> None:
    """Put 1.1 live."""
    how = Packaging(note=note, packaged="1.1")
    redeploy.redeploy(server.host(), server.store / "best.pt", how, **options)


def current(server: FakeServer) -> str | None:
    """The version that yolo.mar is."""
    return inventory.look(server.store)[0].current


def assert_consistent(server: FakeServer) -> None:
    """Disk, server and routing agree, and nothing is left of what was cut off."""
    state, noticed = inventory.look(server.store)
    present = routing.read(server.store)
    named = present.playing
    assert noticed == []
    assert state.current == server.default
    assert set(server.workers) == {server.default} | named
    assert named <= set(state.releases)
    assert releases.read(server.store) == state
    assert present.stable in (None, server.default)
    assert left_over(server.store) | left_over(server.store / "routing") == set()


@pytest.fixture
def recover():
    """What the next operation does first."""
    return lambda server: recovery.recover(server.host())
