"""Write predictions as the tensors that :mod:`gateway.oip.layout` describes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Prediction
from gateway.oip.layout import OUTPUTS
from gateway.oip.messages import join
from gateway.oip.tensors import pack


class Found:
    """What was found in each picture of a request, and the JSON of each as ``POST /predict`` writes it."""

    def __init__(
        self, predictions: Sequence[Prediction], headers: Sequence[ImageHeader], documents: Sequence[bytes]
    ) -> None:
        self.predictions = predictions
        self.documents = documents
        self.sizes = [
            prediction.image_size or (header.width, header.height)
            for prediction, header in zip(predictions, headers, strict=True)
        ]
        self.detections = [
            (number, found) for number, prediction in enumerate(predictions) for found in prediction.detections
        ]


#: Shape and flat values of each output.
_VALUES: Mapping[str, Callable[[Found], tuple[list[int], Sequence[Any]]]] = {
    "detections": lambda all_: ([len(all_.documents)], all_.documents),
    "boxes": lambda all_: ([len(all_.detections), 4], [edge for _, found in all_.detections for edge in found.bbox]),
    "scores": lambda all_: ([len(all_.detections)], [found.confidence for _, found in all_.detections]),
    "class_ids": lambda all_: ([len(all_.detections)], [found.class_id for _, found in all_.detections]),
    "labels": lambda all_: ([len(all_.detections)], [found.class_name.encode() for _, found in all_.detections]),
    "image_index": lambda all_: ([len(all_.detections)], [number for number, _ in all_.detections]),
    "count": lambda all_: ([len(all_.predictions)], [len(each.detections) for each in all_.predictions]),
    "image_size": lambda all_: ([len(all_.sizes), 2], [side for size in all_.sizes for side in size]),
}
_DATATYPES = {output.name: output.datatype for output in OUTPUTS}


def write_response(
    found: Found, outputs: Mapping[str, bool], model: str, identity: str | None
) -> tuple[bytes, int | None]:
    """Return the body, and its head's length if binary data follows; ``outputs`` says which, and which in binary."""
    tensors: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for name, as_binary in outputs.items():
        shape, values = _VALUES[name](found)
        tensor: dict[str, Any] = {"name": name, "datatype": _DATATYPES[name], "shape": shape}
        if as_binary:
            binary.append(pack(_DATATYPES[name], values))
            tensor["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            tensor["data"] = [value.decode() if isinstance(value, bytes) else value for value in values]
        tensors.append(tensor)
    versions = {prediction.model_version for prediction in found.predictions}
    version = versions.pop() if len(versions) == 1 else None  # of several each picture's own JSON says which
    head = {
        "model_name": model,
        **({} if version is None else {"model_version": version}),
        **({} if identity is None else {"id": identity}),
        "outputs": tensors,
    }
    return join(head, binary)
