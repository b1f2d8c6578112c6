"""TorchServe's JSON read into the gateway's own words; anything unexpected in it is a BackendError."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway import strict_json
from gateway.detection.prediction import Detection, Prediction
from gateway.model_server.base import ModelVersion, Served, Worker
from gateway.model_server.errors import BackendError

_BOX_KEYS = frozenset({"xyxy", "conf", "cls", "name"})
_ENTRY_KEYS = frozenset({"boxes", "image", "model", "task", "timings_ms"})


def read_prediction(content: bytes, model_name: str) -> Prediction:
    """Read the handler's answer: a list with one entry, ``{"boxes": [{"xyxy", "conf", "cls", "name"}], …}``.

    Keys beyond the known ones, of a box or of the entry, are kept as ``extra``. Checked by hand: it is the hot path.
    """
    answer = _load(content)
    try:
        (entry,) = answer
        image = entry.get("image")
        model = entry.get("model") or {}
        return Prediction(
            detections=[_detection(box) for box in entry["boxes"]],
            image_size=(int(image["width"]), int(image["height"])) if image else None,
            model_name=str(model.get("name") or model_name),
            model_version=_optional_text(model.get("version")),
            task=_optional_text(entry.get("task")),
            timings_ms={str(stage): float(ms) for stage, ms in (entry.get("timings_ms") or {}).items()},
            extra={key: value for key, value in entry.items() if key not in _ENTRY_KEYS},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackendError(f"TorchServe's answer is no prediction: {error!r}") from error


def read_names(content: bytes) -> tuple[list[str], str | None]:
    """Read a page of the answer of ``GET /models``: names of models, and the token of the next page if there is one."""
    answer = _load(content)
    try:
        token = answer.get("nextPageToken")
        return [str(entry["modelName"]) for entry in answer["models"]], None if token is None else str(token)
    except (KeyError, TypeError, AttributeError) as error:
        raise BackendError(f"TorchServe's answer lists no models: {error!r}") from error


def read_versions(content: bytes) -> Sequence[ModelVersion]:
    """Read the answer of ``GET /models/MODEL``: one entry per version, at least one. None is the default yet."""
    answer = _load(content)
    try:
        versions = [_version(entry) for entry in answer]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackendError(f"TorchServe's answer describes no model: {error!r}") from error
    if not versions:
        raise BackendError("TorchServe's answer describes no version")
    return versions


def with_default_and_details(version: ModelVersion, default: bool, details: Mapping[str, Any]) -> ModelVersion:
    """Return the version with what other answers told about it."""
    return replace(version, default=default, details=details)


def served(version: ModelVersion) -> Served | None:
    """Name the content of a loaded version by when its workers started; None without workers.

    A worker that crashed and came back makes it another one too: some answers are asked for again, none is wrong.
    """
    started = sorted(f"{worker.id}@{worker.started}" for worker in version.workers)
    return Served(version.version, " ".join(started)) if started else None


def _load(content: bytes) -> Any:
    try:
        return strict_json.loads(content)
    except strict_json.JsonError as error:
        raise BackendError("TorchServe's answer is not JSON") from error


def _detection(box: Mapping[str, Any]) -> Detection:
    x1, y1, x2, y2 = box["xyxy"]
    name = box["name"]
    if not isinstance(name, str):
        raise TypeError("a class name that is no text")
    return Detection(
        confidence=float(box["conf"]),
        class_name=name,
        class_id=int(box["cls"]),
        bbox=(float(x1), float(y1), float(x2), float(y2)),
        extra={} if len(box) == len(_BOX_KEYS) else {key: box[key] for key in box if key not in _BOX_KEYS},
    )


def _version(entry: Mapping[str, Any]) -> ModelVersion:
    queue = entry.get("jobQueueStatus") or {}
    return ModelVersion(
        version=str(entry["modelVersion"]),
        default=False,
        workers=[
            Worker(
                id=str(worker["id"]),
                state=str(worker["status"]),
                started=_optional_text(worker.get("startTime")),
                # 0 until TorchServe has measured it for the first time.
                memory_bytes=worker.get("memoryUsage") or None,
                gpu=worker.get("gpu"),
            )
            for worker in entry.get("workers") or ()
        ],
        batch_size=entry.get("batchSize"),
        max_batch_delay_ms=entry.get("maxBatchDelay"),
        queue_free=queue.get("remainingCapacity"),
        queue_waiting=queue.get("pendingRequests"),
        details=entry.get("customizedMetadata") or {},
        unloaded=entry.get("minWorkers") == 0 and not entry.get("workers"),
    )


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)
