"""Models of further tasks on the real service: what their answers hold reaches the client."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.native.checkout import Checkout
from tests.native.task_answers import KEYS, look
from tests.support import small_models, wait_until
from tests.support.endpoints import HTTP

#: `test_several_models.py` has the other tasks.
YAML = {"pose": "yolo11n-pose.yaml", "obb": "yolo11n-obb.yaml"}


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
        answer = HTTP.post(f"{service.gateway}/predict", params=query, content=street, timeout=60)
        return None if answer.status_code == 404 else answer  # until the gateway has looked at the versions again

    answer = wait_until(ask, "the gateway knows the version")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model"]["version"], body["task"]) == (task, task)
    assert body["image"] == {"width": 810, "height": 1080}

    form = {"files": {"data": street}, "data": {"conf": "0.1"}}
    direct = HTTP.post(f"{service.inference}/predictions/yolo/{task}", timeout=60, **form)
    assert direct.status_code == 200, direct.text
    (entry,) = direct.json()
    assert entry["task"] == task
    assert len(entry["boxes"]) == len(body["detections"])
    assert body[KEYS[task]] == entry[KEYS[task]]
    look(body)
