"""Weights quantised on the way: packaged, put live and taken back by the real service."""

from __future__ import annotations

import json
import zipfile

import cv2

from tests.support.deployment import BASE
from tests.support.endpoints import HTTP
from tests.unit.parity.pictures import noise

VERSION = "small-int8"


def test_weights_are_quantised_on_the_way_put_live_and_taken_back(service, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(8):
        cv2.imwrite(str(pictures / f"{number}.png"), noise(320, 200 + 16 * number, number))
    went = service.script(
        *("scripts/redeploy.sh", "base.pt", "--version", VERSION, "--accept-drift"),
        # Random weights cannot show what quantising costs: tests/unit/ops/packaging/test_int8.py uses trained ones.
        *("--int8=fast", "--calibration", str(pictures), "--force"),
    )
    print(went.stdout)
    assert went.returncode == 0, went.stdout
    assert "because of --force" in went.stdout

    (model,) = HTTP.get(f"{service.management}/models/yolo?customized=true", timeout=30).json()
    assert (model["modelVersion"], model["customizedMetadata"]["precision"]) == (VERSION, "int8")
    with zipfile.ZipFile(service.store / f"yolo-{VERSION}.mar") as mar:
        document = json.loads(mar.read("yolo.json"))
    assert (document["precision"], document["quantisation"]["pictures"]) == ("int8", 8)
    first, second = service.ask(imgsz="320"), service.ask(imgsz="320")
    for answer in (first, second):
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"]["version"] == VERSION
    assert first.json()["detections"] == second.json()["detections"] != []

    back = service.script("scripts/rollback.sh", BASE)
    assert back.returncode == 0, back.stdout
    assert service.served() == BASE
