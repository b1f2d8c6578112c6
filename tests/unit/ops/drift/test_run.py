"""scripts/drift.sh: what it shows, and the baselines that it stores with the releases."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from detection_profile import Profile
from ops.drift import gateway, run
from ops.store import audit, baseline, inventory
from tests.support import ROOT
from tests.support.answering import answering
from tests.unit.ops.fake_server import write_archive

SCRIPT = str(ROOT / "scripts/drift.sh")


def profile(images: int) -> Profile:
    made = Profile()
    for _ in range(images):
        made.add([("person", 0.8)], 640 * 480)
    return made


def entry(version: str = "1.0", images: int = 1000, kept: bool = False, **indexes: float) -> dict[str, Any]:
    return {
        "version": version, "kept": kept, "baseline_images": images, "recent_images": 120, "indexes": indexes,
        "baseline": profile(images).to_json(),
    }  # fmt: skip


class FakeGateway:
    """A gateway with two versions that finds a person in every picture but in the damaged one."""

    def __init__(self) -> None:
        self.drift = [entry()]
        self.queries: list[httpx.QueryParams] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            assert request.url.path == "/models/yolo"
            versions = [{"version": "1.0", "default": True}, {"version": "1.1", "default": False}]
            return httpx.Response(200, json={"models": [{"name": "yolo", "versions": versions}], "drift": self.drift})
        self.queries.append(request.url.params)
        if request.content == b"damaged":
            return httpx.Response(400, json={"error": {"code": "invalid_image", "message": "Damaged."}})
        found = [{"class": "person", "confidence": 0.8}]
        return httpx.Response(200, json={"detections": found, "image": {"width": 640, "height": 480}})


@pytest.fixture
def fake() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def url(fake: FakeGateway) -> Iterator[str]:
    with answering(fake) as url:
        yield url


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def drift(url: str, store: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    store.mkdir(exist_ok=True)
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        ["bash", SCRIPT, "--url", url, *argv],
        cwd=store.parent,
        env={**keep, "MODEL_STORE": str(store)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_shows_each_version_with_its_indexes_and_what_they_mean(fake, url, store):
    fake.drift = [
        entry("1.0", kept=True, classes=0.02, confidence=0.31, detections=0.0, pixels=0.12),
        entry("1.1", images=12),
    ]
    done = drift(url, store)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "  version  baseline     last hour  classes  confidence  detections  pixels",
        "  1.0      1000 stored  120        0.02     0.31        0.00        0.12    drift",
        "  1.1      12 learned   120        -        -           -           -       too few images",
    ]
    fake.drift = []
    assert "no image was answered" in drift(url, store).stdout


@pytest.mark.parametrize(
    ("indexes", "told"),
    [({"classes": 0.05}, "no drift"), ({"classes": 0.05, "pixels": 0.2}, "some drift"), ({"pixels": 9.0}, "drift")],
)
def test_the_verdict_follows_the_largest_index(indexes, told):
    assert run.verdict(indexes) == told


def test_what_the_gateway_has_learned_is_stored_with_the_release_and_removed_again(fake, url, store):
    done = drift(url, store, "--keep")
    assert done.returncode == 0, done.stderr
    assert baseline.read(store, "1.0") == profile(1000)
    assert json.loads((store / "routing/baselines/yolo/1.0.json").read_text())["images"] == 1000
    fake.drift = [entry(kept=True)]
    assert drift(url, store, "--keep").returncode == 8
    assert drift(url, store, "--forget").returncode == 0
    assert baseline.read(store, "1.0") is None
    assert drift(url, store, "--forget").returncode == 8
    assert [one["action"] for one in audit.entries(store)] == ["baseline", "baseline"]


def test_a_folder_becomes_the_baseline_of_a_version_and_is_not_taken_for_its_traffic(fake, url, store, tmp_path):
    pictures = tmp_path / "in"
    pictures.mkdir()
    for number in range(run.LEAST_IMAGES):
        (pictures / f"{number}.jpg").write_bytes(b"picture")
    (pictures / "damaged.jpg").write_bytes(b"damaged")
    done = drift(url, store, "--baseline", "in", "--version", "1.1")
    assert done.returncode == 0, done.stderr
    assert "damaged.jpg: 400 invalid_image" in done.stderr
    assert baseline.read(store, "1.1") == profile(run.LEAST_IMAGES)
    assert baseline.read(store, "1.0") is None
    # The gateway counts only images without parameters.
    assert {tuple(query.items()) for query in fake.queries} == {
        (("model", "yolo"), ("version", "1.1"), ("agnostic_nms", "false"))
    }


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (("--keep", "--forget"), 2, "exclude each other"),
        (("--baseline", "absent"), 2, "there is no such folder"),
        (("--keep", "--version", "9.9"), 1, "version 9.9 of yolo is not loaded. Loaded: 1.0, 1.1"),
        (("--keep", "--version", "1.1"), 1, "has not answered an image with version 1.1"),
    ],
)
def test_what_cannot_be_done_is_refused_and_stores_nothing(url, store, argv, code, told):
    done = drift(url, store, *argv)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert not (store / "routing").exists()


def test_too_few_images_are_no_baseline(fake, url, store):
    fake.drift = [entry(images=run.LEAST_IMAGES - 1)]
    assert drift(url, store, "--keep").returncode == 1
    assert not (store / "routing").exists()


def test_a_gateway_that_says_nothing_about_drift_is_an_older_one():
    with pytest.raises(run.OpsError, match="older release"):
        gateway.read({"models": [{"versions": []}]}, "yolo")


def test_a_baseline_goes_with_its_release(tmp_path):
    write_archive(tmp_path, "1.0")
    write_archive(tmp_path, "1.1")
    for version in ("1.0", "1.1"):
        baseline.write(tmp_path, version, profile(100))
    state, _ = inventory.look(tmp_path)
    inventory.remove_archive(tmp_path, state, "1.0", "pruned")
    assert baseline.read(tmp_path, "1.0") is None
    assert baseline.read(tmp_path, "1.1") is not None
    baseline.remove_all(tmp_path)
    assert baseline.read(tmp_path, "1.1") is None
