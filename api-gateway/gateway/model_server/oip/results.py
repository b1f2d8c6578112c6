"""Read what an Open Inference Protocol server answers for one image; docs/model-servers.md has the layouts, too.

1. ``detections``, BYTES of one element: the JSON of our own ``POST /predict``, with everything a task adds.
2. Tensors by name, each under any of the names in :data:`.columns.NAMES`: boxes (x1, y1, x2, y2 in pixels
   of the upright picture), scores, class ids or labels or both, and a count where they are padded to a fixed length.
3. One tensor ``[…, N, 6]`` of x1, y1, x2, y2, score, class: what Ultralytics' end-to-end heads give.

A leading batch dimension of 1 is read through. Anything else is a :class:`~gateway.model_server.errors.BackendError`.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from gateway import strict_json
from gateway.detection.classes import matching
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Detection, Prediction
from gateway.model_server.errors import BackendError
from gateway.model_server.oip.columns import Tensors, number, read_columns, read_rows, text
from gateway.oip.messages import split, take_data, values_of
from gateway.oip.tensors import check_shape

DOCUMENT = "detections"
_KNOWN = frozenset({"status", "detections", "image", "model", "task", "timings_ms", "request_id"})
_KNOWN_OF_A_BOX = frozenset({"confidence", "class", "bbox", "class_id"})


def read_response(
    body: bytes, head_length: int | None, model: str, parameters: Parameters, class_names: Sequence[str]
) -> Prediction:
    """Read the answer for one picture.

    ``class_names`` names the classes by number where the server has no labels. A server that is no gateway may not
    know ``parameters``, so that conf, classes and max_det are held to here; the others are the server's to follow.
    """
    try:
        head, tensors = _tensors(body, head_length)
        version = None if head.get("model_version") is None else str(head["model_version"])
        if DOCUMENT in tensors:
            return _from_document(tensors[DOCUMENT][1], model, version)
        found = read_rows(tensors, class_names) if len(tensors) == 1 else read_columns(tensors, class_names)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BackendError(f"the server's answer is no prediction: {error!r}") from error
    return Prediction(chosen(found, parameters, class_names), None, model, version, "detect")


def chosen(found: Sequence[Detection], parameters: Parameters, class_names: Sequence[str]) -> list[Detection]:
    """Return what conf, classes and max_det leave, best first. Doing it again changes nothing.

    The classes of the model are those of ``class_names``, and those that were found.
    """
    kept = sorted(found, key=lambda one: -one.confidence)
    if parameters.conf is not None:
        kept = [one for one in kept if one.confidence > parameters.conf]
    if parameters.classes is not None:
        known = {*enumerate(class_names), *((one.class_id, one.class_name) for one in found)}
        wanted = matching(parameters.classes, known)
        kept = [one for one in kept if (one.class_id, one.class_name) in wanted]
    return kept[: parameters.max_det]


def _tensors(body: bytes, head_length: int | None) -> tuple[dict[str, Any], Tensors]:
    head, binary = split(body, head_length)
    outputs = head["outputs"]
    tensors: dict[str, tuple[Sequence[int], list[Any]]] = {}
    for tensor, data in zip(outputs, take_data(outputs, binary), strict=True):
        values = values_of(tensor["datatype"], data)
        if (tensor.get("parameters") or {}).get("content_type") == "base64" and isinstance(data, list):
            values = [base64.b64decode(value, validate=True) for value in values]  # MLServer's bytes in JSON
        check_shape(tensor["shape"], len(values))
        tensors[str(tensor["name"]).lower()] = (tensor["shape"], values)
    return head, tensors


def _from_document(values: list[Any], model: str, version: str | None) -> Prediction:
    (document,) = values
    answer = strict_json.loads(document)
    image, by = answer.get("image"), answer.get("model") or {}
    own_version = by.get("version", version)
    return Prediction(
        detections=[_own(found) for found in answer["detections"]],
        image_size=(int(image["width"]), int(image["height"])) if image else None,
        model_name=str(by.get("name") or model),
        model_version=None if own_version is None else str(own_version),
        task=None if answer.get("task") is None else text(answer["task"]),
        # The other gateway's time is the model server's to us, and `total` is what a backend calls that.
        timings_ms={
            str(stage): number(ms) for stage, ms in (answer.get("timings_ms") or {}).items() if stage != "model_server"
        },
        extra={key: value for key, value in answer.items() if key not in _KNOWN},
    )


def _own(found: Mapping[str, Any]) -> Detection:
    x1, y1, x2, y2 = map(number, found["bbox"])
    return Detection(
        number(found["confidence"]),
        text(found["class"]),
        int(found["class_id"]),
        (x1, y1, x2, y2),
        {key: value for key, value in found.items() if key not in _KNOWN_OF_A_BOX},
    )
