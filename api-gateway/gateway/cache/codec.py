"""A prediction as bytes and back, without loss: JSON, as all that a prediction holds came as JSON."""

import json
import time
from typing import Any

from gateway.detection.prediction import Detection, Prediction

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(prediction: Prediction, made: float | None = None) -> bytes:
    """Write a prediction and when it was made (seconds since 1970; None: now).

    Raises ``TypeError`` or ``ValueError`` for one that holds what JSON cannot.
    """
    entry = {
        "t": time.time() if made is None else made,
        "d": [
            [found.confidence, found.class_name, found.class_id, found.bbox, *([found.extra] if found.extra else ())]
            for found in prediction.detections
        ],
        "s": prediction.image_size,
        "n": prediction.model_name,
        "v": prediction.model_version,
        "k": prediction.task,
        "m": prediction.timings_ms,
        "x": prediction.extra,
    }
    return _to_json(entry).encode()


def decode(value: bytes) -> tuple[Prediction, float]:
    """Read what :func:`encode` wrote: the prediction and when it was made. Raises ``ValueError`` for anything else."""
    try:
        entry: dict[str, Any] = json.loads(value)
        return Prediction(
            detections=[_detection(*found) for found in entry["d"]],
            image_size=None if entry["s"] is None else (int(entry["s"][0]), int(entry["s"][1])),
            model_name=entry["n"],
            model_version=entry["v"],
            task=entry["k"],
            timings_ms=entry["m"],
            extra=entry["x"],
        ), float(entry["t"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a stored answer: {error!r}") from error


def _detection(
    confidence: float, name: str, number: int, bbox: list[float], extra: dict[str, Any] | None = None
) -> Detection:
    return Detection(confidence, name, number, tuple(bbox), extra or {})
