"""Write predictions as the tensors that :mod:`gateway.oip.layout` describes."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.api.answer_json import prediction_json
from gateway.detection.prediction import Prediction
from gateway.detection.request import Ask
from gateway.oip.layout import OUTPUTS
from gateway.oip.messages import join
from gateway.oip.tensors import pack
from gateway.strict_json import compact

_DATATYPES = {output.name: output.datatype for output in OUTPUTS}


def write_response(
    asks: Sequence[Ask],
    predictions: Sequence[Prediction],
    outputs: Mapping[str, bool],
    model: str,
    identity: str | None,
    total_ms: float,
) -> tuple[bytes, int | None]:
    """Return the body, and its head's length if binary data follows; ``outputs`` maps each to whether it is binary."""
    values = _values(asks, predictions, total_ms)
    tensors: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for name, is_binary in outputs.items():
        shape, flat = values[name]
        tensor: dict[str, Any] = {"name": name, "datatype": _DATATYPES[name], "shape": shape}
        if is_binary:
            binary.append(pack(_DATATYPES[name], flat))
            tensor["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            tensor["data"] = [value.decode() if isinstance(value, bytes) else value for value in flat]
        tensors.append(tensor)
    versions = {prediction.model_version for prediction in predictions}
    version = versions.pop() if len(versions) == 1 else None  # if several, each image's own JSON names its version
    head = {
        "model_name": model,
        **({} if version is None else {"model_version": version}),
        **({} if identity is None else {"id": identity}),
        "outputs": tensors,
    }
    return join(head, binary)


def _values(
    asks: Sequence[Ask], predictions: Sequence[Prediction], total_ms: float
) -> Mapping[str, tuple[list[int], list[Any]]]:
    """Return shape and flat values of every output."""
    pairs = list(zip(asks, predictions, strict=True))
    found = [(number, each) for number, prediction in enumerate(predictions) for each in prediction.detections]
    documents = [compact(prediction_json(result, ask.header, ask.request_id, total_ms)) for ask, result in pairs]
    sizes = [result.image_size or (ask.header.width, ask.header.height) for ask, result in pairs]
    count, images = len(found), len(pairs)
    return {
        "detections": ([images], documents),
        "boxes": ([count, 4], [edge for _, each in found for edge in each.bbox]),
        "scores": ([count], [each.confidence for _, each in found]),
        "class_ids": ([count], [each.class_id for _, each in found]),
        "labels": ([count], [each.class_name.encode() for _, each in found]),
        "image_index": ([count], [number for number, _ in found]),
        "count": ([images], [len(prediction.detections) for prediction in predictions]),
        "image_size": ([images, 2], [side for size in sizes for side in size]),
    }
