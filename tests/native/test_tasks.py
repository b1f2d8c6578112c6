"""Models of every other task on the real service: what their answers hold reaches the client."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.native.checkout import Checkout
from tests.support import small_models, wait_until

YAML = {
    "segment": "yolov8n-seg.yaml",
    "pose": "yolo11n-pose.yaml",
    "obb": "yolo11n-obb.yaml",
    "classify": "yolo11n-cls.yaml",
}
KEYS = {"segment": "masks", "pose": "keypoints", "obb": "obb", "classify": "probs"}


@pytest.fixture(params=YAML)
def task(request, service: Checkout) -> Iterator[str]:
    """A version named as its task, loaded next to the one that is served."""
    archive = small_models.keep(YAML[request.param], request.param, service.root)
    with small_models.loaded(service, archive, request.param):
        yield request.param
    archive.unlink()


def test_every_task_has_its_keys_in_the_answers_of_torchserve_and_of_the_gateway(service, task):
    street = (service.root / "samples/street.jpg").read_bytes()

    def ask() -> httpx.Response | None:
        query = {"version": task, "conf": 0.1}
        answer = httpx.post(f"{service.gateway}/predict", params=query, content=street, timeout=60)
        return None if answer.status_code == 404 else answer  # until the gateway has looked at the versions again

    answer = wait_until(ask, "the gateway knows the version")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model"]["version"], body["task"]) == (task, task)
    assert body["image"] == {"width": 810, "height": 1080}

    form = {"files": {"data": street}, "data": {"conf": "0.1"}}
    direct = httpx.post(f"{service.inference}/predictions/yolo/{task}", timeout=60, **form)
    assert direct.status_code == 200, direct.text
    (entry,) = direct.json()
    assert entry["task"] == task
    assert len(entry["boxes"]) == len(body["detections"])
    assert body[KEYS[task]] == entry[KEYS[task]]
    look(task, body)


def look(task, body):
    """The task's own part is what the documentation and OpenAPI say, one for each box."""
    own, boxes = body[KEYS[task]], body["detections"]
    if task == "classify":
        assert boxes == []
        assert [set(each) for each in own] == [{"cls", "name", "conf"}] * 5
        return
    assert len(own) == len(boxes) >= 3, "too few to have looked at anything"
    if task == "segment":
        points = [point for polygons in own for polygon in polygons for point in polygon]
    elif task == "pose":
        assert all(len(keypoints) == 17 and {len(point) for point in keypoints} == {3} for keypoints in own)
        points = [point[:2] for keypoints in own for point in keypoints]
    else:
        assert [set(each) for each in own] == [{"xyxyxyxy", "xywhr"}] * len(boxes)
        assert {(len(each["xyxyxyxy"]), len(each["xywhr"])) for each in own} == {(4, 5)}
        return
    assert points
    assert all(0 <= x <= 810 and 0 <= y <= 1080 for x, y in points)
