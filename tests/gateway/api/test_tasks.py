"""What each task adds to an answer: the handler's own words, on their way through the gateway, are those documented."""

from __future__ import annotations

import math
import re
from typing import Any

import httpx
import numpy as np
import pytest

from gateway.api.predict.schemas import PredictResponse
from gateway.api.predict.task_schemas import TaskKeys
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.support import documents
from tests.unit.yolo.samples import head, metadata
from yolo import parameters, results
from yolo.letterbox import Geometry
from yolo.results import obb

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
KEYS = {"detect": None, "segment": "masks", "pose": "keypoints", "obb": "obb", "classify": "probs"}


def outputs(task: str) -> list[np.ndarray]:
    """Raw output of a network that has found something: boxes, scores of three classes, and what the task adds."""
    if task == "classify":
        return [np.array([0.1, 0.4, 0.05, 0.25, 0.15, 0.05], dtype=np.float32)]
    if task == "detect":
        return [head([(20.126, 20, 10, 10, 0, 0.5), (40, 40, 8, 8, 2, 0.987654)])]
    extras = {"segment": [1.0], "pose": [30.0, 31.5, 0.91234, 34.0, 35.0, 0.2], "obb": [math.pi / 6]}[task]
    output = np.zeros((4 + 3 + len(extras), 84), dtype=np.float32)
    output[:, 0] = (32, 32, 20, 10, 0, 0.9, 0, *extras)
    output[:, 1] = (12, 12, 16, 10, 0.8, 0, 0, *extras)
    return [output, np.ones((1, 16, 16), dtype=np.float32)]


def handled(task: str) -> dict[str, Any]:
    """What the handler makes of it, as ``yolo_handler.py`` sends it."""
    names = {index: f"class {index}" for index in range(6 if task == "classify" else 3)}
    model = metadata(task=task, names=names, kpt_shape=(2, 3) if task == "pose" else None)
    plain = Geometry((64, 64), (64, 64), 0, 0, 0, 0)
    found = results.answer(outputs(task), plain, parameters.parse({}, model), model)
    return {**STREET, **found, "task": task}


async def documented(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = (await client.get("/openapi.json")).json()["paths"]["/predict"]["post"]["responses"]["200"]
    examples: dict[str, Any] = answer["content"]["application/json"]["examples"]
    return {task: example["value"] for task, example in examples.items()}


def shape(value: Any) -> Any:
    """The form without the numbers: what lists are made of, and the keys of objects."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.parametrize("task", KEYS)
async def test_the_handlers_answer_is_what_schema_and_example_say(
    client: httpx.AsyncClient, fake: FakeTorchServe, task: str
) -> None:
    fake.predict = lambda asked: Answer([handled(task)])
    response = await client.post("/predict", content=JPEG)
    assert response.status_code == 200
    body = response.json()
    assert len(body["detections"]) == (0 if task == "classify" else 2)
    if (key := KEYS[task]) is not None:
        assert body[key] == handled(task)[key]
        assert len(body[key]) == (5 if task == "classify" else 2)
    assert set(body) & set(TaskKeys.model_fields) == {key} - {None}
    assert set(body) <= set(PredictResponse.model_fields), "the schema does not name every key"
    answer = PredictResponse.model_validate(body)
    assert answer.model_dump(by_alias=True, mode="json", exclude_unset=True) == body
    example = (await documented(client))[task]
    assert shape(example) == shape(body)


async def test_the_schema_has_each_tasks_key_as_optional_and_never_null(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()["components"]["schemas"]["PredictResponse"]
    for key in filter(None, KEYS.values()):
        assert schema["properties"][key]["type"] == "array", key
        assert "default" not in schema["properties"][key], key
        assert key not in schema["required"]


async def test_the_example_of_an_oriented_box_is_one(client: httpx.AsyncClient) -> None:
    example = (await documented(client))["obb"]
    corners = obb.corners(np.array([example["obb"][0]["xywhr"]], dtype=np.float32))[0]
    assert corners == pytest.approx(np.array(example["obb"][0]["xyxyxyxy"]), abs=0.02)
    hull = [*corners.min(axis=0), *corners.max(axis=0)]
    assert hull == pytest.approx(example["detections"][0]["bbox"], abs=0.02)


async def test_what_a_model_adds_to_a_box_never_replaces_what_every_box_has(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    added = {"confidence": 2, "class": "nothing", "bbox": [], "class_id": -1, "area": 7}
    box = {**STREET["boxes"][0], **added}
    fake.predict = lambda asked: Answer([{**STREET, "boxes": [box], "detections": [], "status": "error"}])
    answer = (await client.post("/predict", content=JPEG)).json()
    right = {"confidence": 0.8912, "class": "person", "bbox": [245.31, 184.2, 456.8, 298.1], "class_id": 0, "area": 7}
    assert answer["detections"] == [right]
    assert answer["status"] == "success"


@pytest.mark.parametrize(
    "wrong",
    [
        {"masks": [[[[1, 2], [3, 4]]]]},
        {"masks": [[[1, 2], [3, 4], [5, 6]]]},
        {"keypoints": [[[1]]]},
        {"obb": [{"xyxyxyxy": [1, 2, 3, 4, 5, 6, 7, 8], "xywhr": [1, 2, 3, 4, 5]}]},
        {"probs": {"cat": 0.9}},
    ],
)
def test_other_shapes_are_not_those_of_the_schema(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TaskKeys.model_validate(wrong)


def test_the_documentation_names_the_key_of_every_task() -> None:
    rows = documents.table_rows("| task | key |")
    assert {task: (re.findall(r"`(\w+)`", key) or [None])[0] for task, key, _ in rows} == KEYS
