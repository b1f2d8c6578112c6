"""The worker's environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from yolo import cpus, settings
from yolo.errors import ArchiveError


def test_an_empty_environment_gives_the_defaults() -> None:
    found = settings.read({"MAX_IMAGE_PIXELS": "", "ENGINE": "", "THREADS": "", "LOG_LEVEL": ""})
    assert (found.max_image_pixels, found.engine, found.log_level) == (64_000_000, "auto", "INFO")
    assert (found.precision, found.plan) == ("f32", cpus.plan())


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    environ = {"MAX_IMAGE_PIXELS": "1000", "ENGINE": "torch", "WORKERS": "3", "THREADS": "5", "LOG_LEVEL": "debug"}
    found = settings.read({**environ, "MODEL_CACHE_DIR": str(tmp_path / "cache")})
    assert (found.max_image_pixels, found.engine, found.log_level) == (1000, "torch", "DEBUG")
    assert (found.plan.workers, found.plan.threads) == (3, 5)
    assert found.model_cache() == tmp_path / "cache"
    assert found.model_cache().is_dir()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ENGINE", "tensorrt"),
        ("PRECISION", "f16"),
        ("THREADS", "0"),
        ("THREADS", "two"),
        ("WORKERS", "-1"),
        ("MAX_IMAGE_PIXELS", "6e7"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(ArchiveError, match=name):
        settings.read({name: text})


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert settings.read({"MODEL_CACHE_DIR": str(tmp_path / "file" / "cache")}).model_cache() is None


def test_the_default_cache_is_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache = settings.read({}).model_cache()
    assert cache is not None
    assert cache.parent == tmp_path
    assert cache.stat().st_mode & 0o777 == 0o700
    assert cache.stat().st_uid == os.getuid()


def test_a_default_cache_that_is_a_link_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"yolo-model-cache-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    assert settings.read({}).model_cache() is None
