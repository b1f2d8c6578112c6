"""Weights quantised on the way: packaged, put live and taken back by the real service."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator

import cv2
import httpx
import pytest

from tests.native import small_models
from tests.native.service import BASE, Service
from tests.support import wait_until
from tests.unit.parity.pictures import noise

VERSION = "small-int8"


@pytest.fixture
def service(checkout, first_up) -> Iterator[Service]:
    """The running service; afterwards the base version is current again."""
    done = checkout.run("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    found = Service(checkout)
    wait_until(found.loaded, "TorchServe answers")
    checkout.wait_ready()
    yield found
    if found.served() != BASE:
        done = found.run("scripts/rollback.sh", BASE)
        assert done.returncode == 0, done.stdout
    (found.store / f"yolo-{VERSION}.mar").unlink(missing_ok=True)


def test_weights_are_quantised_on_the_way_put_live_and_taken_back(service, tmp_path):
    samples = service.checkout.root / "samples"
    small_models.save("yolov8n.yaml", service.checkout.root / "small.pt", samples / "street.jpg")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(8):
        cv2.imwrite(str(pictures / f"{number}.png"), noise(320, 200 + 16 * number, number))
    before = service.served()
    went = service.run(
        *("scripts/redeploy.sh", "small.pt", "--version", VERSION, "--accept-drift"),
        # Random weights are no measure of what quantising costs: tests/unit/ops/packaging/test_int8.py judges trained ones.
        *("--int8", "--calibration", str(pictures), "--force"),
    )
    print(went.stdout)
    assert went.returncode == 0, went.stdout
    assert "because of --force" in went.stdout

    (model,) = httpx.get(f"{service.management}/models/yolo?customized=true", timeout=30).json()
    assert (model["modelVersion"], model["customizedMetadata"]["precision"]) == (VERSION, "int8")
    with zipfile.ZipFile(service.store / f"yolo-{VERSION}.mar") as mar:
        document = json.loads(mar.read("yolo.json"))
    assert (document["precision"], document["quantisation"]["pictures"]) == ("int8", 8)
    first, second = service.ask(), service.ask()
    for answer in (first, second):
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"]["version"] == VERSION
    assert first.json()["detections"] == second.json()["detections"] != []

    back = service.run("scripts/rollback.sh", before)
    assert back.returncode == 0, back.stdout
    assert service.served() == before
