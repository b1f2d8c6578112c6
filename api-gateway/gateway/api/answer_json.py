"""The JSON of an answer, as every protocol that answers in the gateway's own format writes it."""

import logging
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.api.answer_headers import answer_headers
from gateway.api.errors import noted
from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Detection, Prediction
from gateway.detection.request import Answer, Ask
from gateway.errors import InternalError
from gateway.http.errors import error_body
from gateway.second_stage.stage import Outcome, Second
from gateway.strict_json import compact

logger = logging.getLogger("gateway.second_stage")


def json_response(answer: Answer, ask: Ask, total_ms: float, second: Second | None = None) -> Response:
    """Return the whole response for one image."""
    body = prediction_json(answer.prediction, ask.header, ask.request_id, total_ms, second)
    headers = answer_headers(answer)
    return Response(compact(body), headers=headers, media_type="application/json")


def prediction_json(
    prediction: Prediction, header: ImageHeader, request_id: str, total_ms: float, second: Second | None = None
) -> dict[str, Any]:
    """Build a :class:`~gateway.api.predict.schemas.PredictResponse`; a task's own keys never replace the fixed ones.

    ``total_ms`` is all of the gateway's time in milliseconds; ``second`` is what a second model saw.
    """
    width, height = prediction.image_size or (header.width, header.height)
    detections = [_detection_json(found) for found in prediction.detections]
    timings_ms = prediction.all_timings(total_ms)
    fixed: dict[str, Any] = {
        "status": "success",
        "detections": detections,
        "image": {"width": width, "height": height},
        "model": _model_json(prediction),
        "task": prediction.task,
        "timings_ms": timings_ms,
        "request_id": request_id,
    }
    if second is not None:
        for index, outcome in second.outcomes.items():
            detections[index]["then"] = _then_json(outcome)
        timings_ms.update(second.timings_ms)
        fixed["then"] = {"model": second.model, "asked": len(second.outcomes), "left_out": second.left_out}
    return _with_extra(fixed, prediction.extra)


def _then_json(outcome: Outcome) -> dict[str, Any]:
    """Build a :class:`~gateway.api.predict.detection_schemas.ThenAnswer`, or the error in its place."""
    seen = outcome.seen
    if isinstance(seen, Exception):
        error = noted(seen)
        if isinstance(error, InternalError):
            logger.error("unhandled error", exc_info=seen)
        return {"error": error_body(error)["error"]}
    fixed = {
        "model": _model_json(seen),
        "task": seen.task,
        "crop": outcome.crop,
        "detections": [_detection_json(found) for found in seen.detections],
    }
    return _with_extra(fixed, seen.extra)


def _model_json(prediction: Prediction) -> dict[str, Any]:
    return {"name": prediction.model_name, "version": prediction.model_version}


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
