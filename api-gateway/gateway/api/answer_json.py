"""The JSON of an answer, as every protocol that answers in the gateway's own format writes it."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.api.answer_headers import answer_headers
from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Detection, Prediction
from gateway.detection.request import Answer, Ask
from gateway.strict_json import compact


def json_response(answer: Answer, ask: Ask, total_ms: float) -> Response:
    """Return the whole response for one image."""
    body = prediction_json(answer.prediction, ask.header, ask.request_id, total_ms)
    headers = answer_headers(answer)
    return Response(compact(body), headers=headers, media_type="application/json")


def prediction_json(prediction: Prediction, header: ImageHeader, request_id: str, total_ms: float) -> dict[str, Any]:
    """Build a :class:`~gateway.api.predict.schemas.PredictResponse`; a task's own keys never replace the fixed ones.

    ``total_ms`` is all of the gateway's time in milliseconds.
    """
    width, height = prediction.image_size or (header.width, header.height)
    fixed = {
        "status": "success",
        "detections": [_detection_json(found) for found in prediction.detections],
        "image": {"width": width, "height": height},
        "model": {"name": prediction.model_name, "version": prediction.model_version},
        "task": prediction.task,
        "timings_ms": prediction.all_timings(total_ms),
        "request_id": request_id,
    }
    return _with_extra(fixed, prediction.extra)


def _detection_json(found: Detection) -> dict[str, Any]:
    fixed = {
        "confidence": found.confidence,
        "class": found.class_name,
        "bbox": found.bbox,
        "class_id": found.class_id,
    }
    return _with_extra(fixed, found.extra) if found.extra else fixed


def _with_extra(fixed: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Add what is not there yet."""
    return {**fixed, **{key: value for key, value in extra.items() if key not in fixed}}
