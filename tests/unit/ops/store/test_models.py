"""Which models a model store has, and whose a file is that two of them could have."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import OpsError, UsageError
from ops.packaging.package import package
from ops.paths import current_archive, store_of
from ops.store import models, releases
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`yolo`, `cars` and `yolo-seg` are served, `old` was removed, and `yolo-night.mar` is a kept version of `yolo`."""
    for model in ("yolo-seg", "cars", "yolo"):
        write_archive(store_of(model, tmp_path), "1.0")
        make_current(store_of(model, tmp_path), "1.0")
    write_archive(store_of("yolo", tmp_path), "night")
    store_of("old", tmp_path).mkdir(parents=True)
    releases.save(store_of("old", tmp_path), releases.Releases())
    (tmp_path / "broken.mar").write_bytes(b"no archive")
    return tmp_path


def test_yolo_is_first_and_a_kept_version_is_no_model(folder: Path) -> None:
    assert models.names(folder) == ["yolo", "cars", "old", "yolo-seg"]
    assert models.with_archive(folder) == ["yolo", "cars", "yolo-seg"]
    assert [store.name for store in models.stores(folder)] == ["cars", "old", folder.name, "yolo-seg"]
    assert not models.is_served("yolo-night", folder)


def test_an_empty_store_has_yolo(tmp_path: Path) -> None:
    assert models.names(tmp_path) == ["yolo"]
    assert models.with_archive(tmp_path) == []


def test_an_unknown_model_is_refused_with_those_that_are_there(folder: Path) -> None:
    assert models.require_known("cars", folder) == folder / "models.d" / "cars"
    with pytest.raises(UsageError, match=r"no model car; there is: yolo, cars, old, yolo-seg\. .*models\.sh add"):
        models.require_known("car", folder)


def test_a_version_named_like_a_model_is_refused_before_packaging(folder: Path) -> None:
    weights = folder / "best.pt"
    weights.write_bytes(b"")
    before = current_archive(store_of("yolo-seg", folder)).read_bytes()
    with pytest.raises(OpsError, match=r"version seg of yolo would be yolo-seg\.mar, .* of the model yolo-seg"):
        package(weights, "seg", store=folder)
    write_archive(folder, "old-1.0")
    with pytest.raises(OpsError, match=r"yolo-old-1\.0\.mar is a kept version of the model yolo, .*mv "):
        package(weights, store=store_of("yolo-old", folder))
    assert current_archive(store_of("yolo-seg", folder)).read_bytes() == before


def test_a_model_named_like_a_kept_version_is_refused_before_packaging(folder: Path) -> None:
    (folder / "best.pt").write_bytes(b"")
    with pytest.raises(OpsError, match=r"yolo-night\.mar is a kept version of the model yolo, and yolo-night needs"):
        package(folder / "best.pt", store=store_of("yolo-night", folder))
    assert not store_of("yolo-night", folder).exists()
