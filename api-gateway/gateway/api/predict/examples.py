"""Whole answers of /predict and /predict/batch, as OpenAPI shows them."""

from collections.abc import Mapping
from typing import Any

from gateway.api.openapi.document import example_of
from gateway.api.predict.schemas import PredictResponse
from gateway.api.schemas import REQUEST_ID_EXAMPLE
from gateway.errors import InvalidImage, ModelNotReady

_WHOLE = example_of(PredictResponse).model_dump(mode="json", by_alias=True, exclude_none=True)
_SHIP = {"confidence": 0.83, "class": "ship", "bbox": [121.16, 102.01, 205.44, 167.99], "class_id": 1}
_CORNERS = [[190.44, 167.99], [205.44, 142.01], [136.16, 102.01], [121.16, 127.99]]
#: By task: what the answer has in addition, or instead.
_OF_TASK: Mapping[str, dict[str, Any]] = {
    "detect": {},
    "segment": {"masks": [[[[251.4, 186.0], [448.9, 190.7], [455.1, 297.2], [246.0, 296.5]]]]},
    "pose": {"keypoints": [[[301.2, 190.4, 0.97], [322.8, 188.1, 0.95], [298.7, 240.9, 0.41]]]},
    "obb": {"detections": [_SHIP], "obb": [{"xyxyxyxy": _CORNERS, "xywhr": [163.3, 135.0, 80.0, 30.0, 0.5236]}]},
    "classify": {
        "detections": [],
        "probs": [
            {"cls": 654, "name": "minibus", "conf": 0.5731},
            {"cls": 734, "name": "police_van", "conf": 0.3402},
            {"cls": 874, "name": "trolleybus", "conf": 0.0301},
            {"cls": 757, "name": "recreational_vehicle", "conf": 0.0188},
            {"cls": 829, "name": "streetcar", "conf": 0.0101},
        ],
    },
}
ANSWERS = {task: {**_WHOLE, "task": task, **keys} for task, keys in _OF_TASK.items()}
_SECOND = {
    "model": {"name": "uniforms", "version": "1.0"},
    "task": "classify",
    "crop": [224, 163, 478, 320],
    "detections": [],
    "probs": [{"cls": 1, "name": "fire brigade", "conf": 0.9127}, {"cls": 0, "name": "police", "conf": 0.0873}],
}
#: With `then=uniforms`.
ANSWER_WITH_SECOND_STAGE = {
    **ANSWERS["detect"],
    "detections": [{**found, "then": _SECOND} for found in ANSWERS["detect"]["detections"]],
    "timings_ms": {**ANSWERS["detect"]["timings_ms"], "crop": 4.1, "then": 31.8},
    "then": {"model": "uniforms", "asked": 1, "left_out": 0},
}
_FAILURE = {
    "status": "error",
    "error": {"code": InvalidImage.code, "message": InvalidImage.default},
    "request_id": REQUEST_ID_EXAMPLE,
}
#: With `model=yolo,helmets`.
ANSWER_OF_SEVERAL_MODELS: Mapping[str, Any] = {
    "status": "success",
    "results": [
        {"model": _WHOLE["model"], **ANSWERS["detect"]},
        {
            "model": {"name": "helmets", "version": None},
            **_FAILURE,
            "error": {"code": ModelNotReady.code, "message": ModelNotReady.default},
        },
    ],
    "succeeded": 1,
    "failed": 1,
    "image": _WHOLE["image"],
    "timings_ms": {"total": 131.4},
    "request_id": REQUEST_ID_EXAMPLE,
}
BATCH_ANSWER: Mapping[str, Any] = {
    "status": "success",
    "results": [{"index": 0, "file": "street.jpg", **ANSWERS["detect"]}, {"index": 1, "file": "cut.jpg", **_FAILURE}],
    "succeeded": 1,
    "failed": 1,
    "timings_ms": {"total": 131.4},
    "request_id": REQUEST_ID_EXAMPLE,
}
