"""A server with `yolo`, and a model `helmets` that was just packaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.paths import store_of
from ops.rollout import membership
from ops.store import audit, releases
from ops.torchserve.host import Host
from tests.unit.ops.fake_server import FakeServer, write_archive


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    monkeypatch.setattr(membership, "NOTICE_S", 0.0)


@pytest.fixture
def helmets(served: FakeServer) -> Path:
    """The store of `helmets`, of which 1.0 was just packaged."""
    store = store_of("helmets", served.store)
    store.mkdir(parents=True)
    write_archive(store, "1.0", b"hats")
    return store


@pytest.fixture
def host(served: FakeServer, helmets: Path) -> Host:
    return served.host().of_model("helmets")


@pytest.fixture(autouse=True)
def _untouched(served: FakeServer) -> Iterator[None]:
    """`yolo` is after each test what it was before."""
    files = {path: path.read_bytes() for path in served.store.glob("yolo*.mar")}
    state = releases.read(served.store)
    yield
    assert {path: path.read_bytes() for path in served.store.glob("yolo*.mar")} == files
    assert (served.default, list(served.workers), releases.read(served.store)) == ("1.0", ["1.0"], state)
    assert audit.entries(served.store) == []
    assert not any("yolo" in call.split("/") for call in served.calls)
