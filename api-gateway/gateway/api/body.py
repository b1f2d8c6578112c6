"""What is said of one prediction, as every route that answers in the gateway's own words writes it."""

from typing import Any

from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Prediction


def prediction_body(prediction: Prediction, header: ImageHeader, request_id: str, total_ms: float) -> dict[str, Any]:
    """Build a :class:`~gateway.api.predict.schemas.PredictResponse`; a task's own keys never replace the fixed ones.

    ``total_ms`` is the gateway's whole time in milliseconds.
    """
    width, height = prediction.image_size or (header.width, header.height)
    fixed = {
        "status": "success",
        "detections": [
            {
                "confidence": found.confidence,
                "class": found.class_name,
                "bbox": found.bbox,
                "class_id": found.class_id,
                **found.extra,
            }
            for found in prediction.detections
        ],
        "image": {"width": width, "height": height},
        "model": {"name": prediction.model_name, "version": prediction.model_version},
        "task": prediction.task,
        "timings_ms": all_timings(prediction, total_ms),
        "request_id": request_id,
    }
    return {**fixed, **{key: value for key, value in prediction.extra.items() if key not in fixed}}


def all_timings(prediction: Prediction, total_ms: float) -> dict[str, float]:
    """Return milliseconds by stage: the model server's, its whole as ``model_server``, the gateway's as ``total``."""
    timings = dict(prediction.timings_ms)
    if "total" in timings:
        timings["model_server"] = timings.pop("total")
    timings["total"] = round(total_ms, 2)
    return timings
