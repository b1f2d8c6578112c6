"""Whether a model fits next to those that are loaded, by figures that the next start agrees with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import model_memory
from ops.errors import OpsError
from ops.models.add import add
from ops.paths import kept_archive, store_of
from ops.rollout import membership
from ops.rollout.candidate import Packaging
from ops.torchserve import memory
from tests.unit.ops.fake_server import FakeServer, write_archive

GB = 1_000_000_000


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "NOTICE_S", 0.0)
    monkeypatch.setenv("MAX_DECODE_BYTES", "100000000")
    monkeypatch.setenv("TORCHSERVE_MEMORY", "4g")


def grow(path: Path, size: int) -> None:
    """Give a file this size, without content on the disk."""
    os.truncate(path, size)


def test_every_loaded_version_counts_with_its_workers(served: FakeServer) -> None:
    host = served.host()
    grow(kept_archive("1.0", served.store), 100_000_000)
    alone = memory.in_use(host)
    assert alone == 500_000_000 + 100_000_000 + 100_000_000 + 300_000_000 + 130_000_000
    helmets = served.serve("helmets")
    grow(kept_archive("1.0", helmets.store), 10_000_000)
    helmets.workers["1.0"] = [("READY", 1), ("READY", 2)]
    assert memory.in_use(host) == alone + 10_000_000 + 2 * 313_000_000


def test_where_more_is_measured_that_counts(served: FakeServer) -> None:
    served.memory_bytes = 3 * GB
    assert memory.in_use(served.host()) == 3 * GB + model_memory.SERVER_BYTES


def test_a_model_that_does_not_fit_is_refused_with_the_figures_and_never_loaded(
    served: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHSERVE_MEMORY", "3600000000b")
    store = store_of("helmets", served.store)
    store.mkdir(parents=True)
    write_archive(store, "1.0", b"hats")
    served.memory_bytes = 3 * GB
    with pytest.raises(
        OpsError, match=r"helmets does not fit into memory: it needs about 0\.3 GB .* 3\.5 GB of"
    ) as said:
        add(served.host().of_model("helmets"), "new.pt", Packaging(packaged="1.0"))
    assert "answers as before" in str(said.value)
    assert served.calls == ["DELETE /models/helmets/1.0"]
    assert not kept_archive("1.0", store).exists()
    monkeypatch.setenv("TORCHSERVE_MEMORY", "4g")
    write_archive(store, "1.0", b"hats")
    add(served.host().of_model("helmets"), "new.pt", Packaging(packaged="1.0"))


def test_the_limit_is_that_of_the_container_in_compose_and_of_this_process_natively(
    served: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = served.host()
    assert memory.limit(host) == 4 * 1024**3
    monkeypatch.setenv("TORCHSERVE_MEMORY", "0")
    assert memory.limit(host) == model_memory.machine()
    host.compose = False
    assert memory.limit(host) == model_memory.limit()


def test_natively_the_workers_are_measured_and_in_compose_they_are_out_of_sight(served: FakeServer) -> None:
    host = served.host()
    served.workers["1.0"] = [("READY", os.getpid()), ("READY", -1)]
    loaded = host.server.default()
    assert memory.measured(host, loaded) == 0
    host.compose = False
    assert 5_000_000 < memory.measured(host, loaded) < 5 * GB
