"""The service that runs is measured on a labelled set by its script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support import labelled
from tests.support.deployment import BASE
from tests.support.endpoints import HTTP
from tests.unit.parity.test_validation import NEAR, val


def files(url: str, **query: str) -> Any:
    """Look for objects in the files themselves, with the service that runs."""

    def find(picture: Path) -> labelled.Found:
        answer = HTTP.post(f"{url}/predict", params=query, files={"file": picture.read_bytes()}).json()
        boxes = [{"xyxy": found["bbox"], "cls": found["class_id"]} for found in answer["detections"]]
        with Image.open(picture) as upright:
            return {"boxes": boxes}, upright.size, (0, 0)

    return find


def measure(service, data: Path, *options: str) -> dict[str, Any]:
    printed = service.go("scripts/validate.sh", str(data), "--json", *options)
    found: dict[str, Any] = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    return found


def test_the_running_service_is_measured(service, tmp_path):
    names = {number: str(number) for number in range(80)}
    find = files(service.gateway, conf="0.05", max_det="20", imgsz="320")
    data = labelled.make(tmp_path / "set", [service.street], names, find, jitter=0.0)
    found = measure(service, data, "--originals", "--version", BASE)
    assert found["model"]["version"] == BASE
    assert found["pictures"] == {"measured": 1, "failed": 0}
    assert 0 < found["all"]["map50_95"] <= 1


def test_trained_weights_have_the_map_of_ultralytics_own_val(service, coco_weights, photos, tmp_path):
    service.go("scripts/redeploy.sh", str(coco_weights), "--version", "coco", "--accept-drift")
    names = {number: str(number) for number in range(80)}
    data = labelled.make(tmp_path / "set", photos, names, files(service.gateway, conf="0.15"))
    ours, theirs = measure(service, data), val(coco_weights, data, tmp_path)
    print(ours["all"], theirs["all"])
    assert ours["all"]["instances"] > 100
    assert [ours["all"]["map50"], ours["all"]["map50_95"]] == pytest.approx(theirs["all"][2:], abs=NEAR)
    assert "pictures letterboxed as by yolo val" in service.go("scripts/validate.sh", str(data), "--limit", "2")
