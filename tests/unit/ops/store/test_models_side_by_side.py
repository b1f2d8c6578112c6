"""Several models in one folder of archives: each has its own versions, releases, routing and lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import LockedError
from ops.paths import current_archive, folder_of, kept_archive, model_of, store_of
from ops.store import archive, audit, inventory, lock, releases, routing
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Path, Path]:
    """`yolo` with 1.0 and 1.1, and `yolo-seg` with 1.0: the names of its files begin like those of `yolo`."""
    yolo, seg = store_of("yolo", tmp_path), store_of("yolo-seg", tmp_path)
    write_archive(yolo, "1.0", b"a")
    write_archive(yolo, "1.1", b"b")
    write_archive(seg, "1.0", b"c")
    make_current(yolo, "1.1")
    make_current(seg, "1.0")
    return yolo, seg


def test_the_store_of_yolo_is_the_folder_itself_and_others_lie_in_it(tmp_path: Path) -> None:
    seg = store_of("yolo-seg", tmp_path)
    assert store_of("yolo", tmp_path) == tmp_path
    assert (model_of(tmp_path), model_of(seg), folder_of(seg)) == ("yolo", "yolo-seg", tmp_path)
    assert current_archive(seg) == tmp_path / "yolo-seg.mar"
    assert kept_archive("1.0", seg) == tmp_path / "yolo-seg-1.0.mar"


def test_an_archive_belongs_to_the_model_that_it_names(stores: tuple[Path, Path]) -> None:
    yolo, seg = stores
    assert [one.version for one in archive.list_kept(yolo)] == ["1.0", "1.1"]
    assert [one.version for one in archive.list_kept(seg)] == ["1.0"]
    assert list(inventory.look(yolo)[0].releases) == ["1.0", "1.1"]
    assert inventory.look(seg)[0].current == "1.0"


def test_releases_and_the_audit_trail_are_by_model(stores: tuple[Path, Path]) -> None:
    yolo, seg = stores
    releases.save(seg, inventory.look(seg)[0])
    audit.record(seg, "redeploy", "done", to="1.0")
    assert releases.read(yolo) is None
    assert audit.entries(yolo) == []
    assert releases.read(seg)
    assert audit.entries(seg)


def test_each_model_has_its_routing_in_the_folder_that_gateways_see(stores: tuple[Path, Path]) -> None:
    yolo, seg = stores
    routing.write(seg, routing.Routing(stable="1.0"))
    assert routing.path(seg) == yolo / "routing" / "yolo-seg.json"
    assert routing.read(yolo).stable is None
    assert routing.read(seg).stable == "1.0"


def test_an_operation_on_one_model_leaves_the_others_free(stores: tuple[Path, Path]) -> None:
    yolo, seg = stores
    with lock.held(seg, "redeploy"), lock.held(yolo, "rollback"), pytest.raises(LockedError), lock.held(seg, "prune"):
        pass
