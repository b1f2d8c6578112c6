"""Whole answers of /predict and /predict/batch, as OpenAPI shows them."""

from collections.abc import Mapping
from typing import Any

from gateway.api.schemas import REQUEST_ID_EXAMPLE
from gateway.errors import InvalidImage

_TIMINGS = {"decode": 5.3, "letterbox": 0.3, "infer": 59.0, "nms": 0.5, "model_server": 65.4, "total": 69.1}


def _answer(task: str, detections: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    return {
        "status": "success",
        "detections": detections,
        "image": {"width": 810, "height": 1080},
        "model": {"name": "yolo", "version": "1.0"},
        "task": task,
        "timings_ms": _TIMINGS,
        "request_id": REQUEST_ID_EXAMPLE,
        **keys,
    }


_PERSON = {"confidence": 0.89, "class": "person", "bbox": [245.3, 184.2, 456.8, 298.1], "class_id": 0}
_SHIP = {"confidence": 0.83, "class": "ship", "bbox": [121.16, 102.01, 205.44, 167.99], "class_id": 1}
#: By task.
ANSWERS: Mapping[str, dict[str, Any]] = {
    "detect": _answer("detect", [_PERSON]),
    "segment": _answer(
        "segment", [_PERSON], masks=[[[[251.4, 186.0], [448.9, 190.7], [455.1, 297.2], [246.0, 296.5]]]]
    ),
    "pose": _answer("pose", [_PERSON], keypoints=[[[301.2, 190.4, 0.97], [322.8, 188.1, 0.95], [298.7, 240.9, 0.41]]]),
    "obb": _answer(
        "obb",
        [_SHIP],
        obb=[
            {
                "xyxyxyxy": [[190.44, 167.99], [205.44, 142.01], [136.16, 102.01], [121.16, 127.99]],
                "xywhr": [163.3, 135.0, 80.0, 30.0, 0.5236],
            }
        ],
    ),
    "classify": _answer(
        "classify",
        [],
        probs=[
            {"cls": 654, "name": "minibus", "conf": 0.5731},
            {"cls": 734, "name": "police_van", "conf": 0.3402},
            {"cls": 874, "name": "trolleybus", "conf": 0.0301},
            {"cls": 757, "name": "recreational_vehicle", "conf": 0.0188},
            {"cls": 829, "name": "streetcar", "conf": 0.0101},
        ],
    ),
}
_FAILURE = {
    "status": "error",
    "error": {"code": InvalidImage.code, "message": InvalidImage.default},
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
