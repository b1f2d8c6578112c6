"""Read detections that came as number tensors: one per column, or one with a row per detection."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from gateway.detection.prediction import Detection
from gateway.oip.tensors import TensorError

#: Lower-case names of the columns: ours first, then those of TensorRT's NMS, TensorFlow, TorchVision and Ultralytics.
NAMES: Mapping[str, tuple[str, ...]] = {
    "boxes": ("boxes", "bboxes", "det_boxes", "detection_boxes", "xyxy"),
    "scores": ("scores", "det_scores", "detection_scores", "confidences", "conf"),
    "class_ids": ("class_ids", "det_classes", "detection_classes", "classes", "cls"),
    "labels": ("labels", "class_names", "names"),
    "count": ("count", "num_dets", "num_detections"),
}
_ROW = 6
#: The class id of a label that no list of names has.
UNNUMBERED = -1

#: Shape and flat values by lower-case name.
Tensors = Mapping[str, tuple[Sequence[int], list[Any]]]


def read_rows(tensors: Tensors, class_names: Sequence[str]) -> list[Detection]:
    """Read the one tensor of x1, y1, x2, y2, score, class; rows of score 0 fill up a head of fixed length."""
    ((shape, values),) = tensors.values()
    if not shape or shape[-1] != _ROW or math.prod(shape[:-2]) != 1:
        raise TensorError(f"one tensor of the shape {list(shape)} is no list of x1, y1, x2, y2, score, class")
    numbers = [number(value) for value in values]
    rows = (numbers[start : start + _ROW] for start in range(0, len(numbers), _ROW))
    return [_detection(row[4], _name(int(row[5]), class_names), int(row[5]), row[:4]) for row in rows if row[4] > 0]


def read_columns(tensors: Tensors, class_names: Sequence[str]) -> list[Detection]:
    """Read boxes, scores and classes, each a tensor of its own."""
    shape, edges = _column(tensors, "boxes") or _missing("boxes")
    scores = (_column(tensors, "scores") or _missing("scores"))[1]
    if len(edges) != 4 * len(scores) or (edges and (shape[-1] != 4 or math.prod(shape[:-2]) != 1)):
        raise TensorError(f"boxes of the shape {list(shape)} do not fit {len(scores)} scores")
    counted = _column(tensors, "count")
    rows = len(scores) if counted is None else min(len(scores), int(counted[1][0]))
    return [
        _detection(number(score), name, class_id, [number(edge) for edge in box])
        for score, (name, class_id), *box in zip(
            scores[:rows],
            _classes(tensors, len(scores), class_names)[:rows],
            *(edges[edge : 4 * rows : 4] for edge in range(4)),
            strict=True,
        )
    ]


def _detection(score: float, name: str, class_id: int, box: Sequence[float]) -> Detection:
    # To the digits that our own handler gives: what is behind them is the noise of 32 bits.
    x1, y1, x2, y2 = (round(edge, 2) for edge in box)
    return Detection(round(score, 4), name, class_id, (x1, y1, x2, y2))


def number(value: Any) -> float:
    """Return a finite number; NaN and infinity are no JSON and no measure of anything."""
    result = float(value)
    if not math.isfinite(result):
        raise ValueError(f"{result} among the numbers")
    return result


def text(value: Any) -> str:
    """Return text, which came as JSON or as BYTES."""
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"text is expected, and {type(value).__name__} came")
    return value


def _classes(tensors: Tensors, rows: int, class_names: Sequence[str]) -> list[tuple[str, int]]:
    ids, labels = (column and column[1] for column in (_column(tensors, "class_ids"), _column(tensors, "labels")))
    if ids is None and labels is not None and not any(isinstance(label, str | bytes) for label in labels):
        ids, labels = labels, None  # TorchVision's "labels" are numbers
    if ids is None and labels is None:
        _missing("class_ids")
    if any(column is not None and len(column) != rows for column in (ids, labels)):
        raise TensorError(f"the classes are not as many as the {rows} scores")
    if labels is None:
        return [(_name(int(each), class_names), int(each)) for each in ids or ()]
    names = [text(label) for label in labels]
    if ids is None:
        numbers = {name: position for position, name in enumerate(class_names)}
        return [(name, numbers.get(name, UNNUMBERED)) for name in names]
    return list(zip(names, map(int, ids), strict=True))


def _name(class_id: int, class_names: Sequence[str]) -> str:
    return class_names[class_id] if 0 <= class_id < len(class_names) else str(class_id)


def _column(tensors: Tensors, what: str) -> tuple[Sequence[int], list[Any]] | None:
    return next((tensors[name] for name in NAMES[what] if name in tensors), None)


def _missing(what: str) -> NoReturn:
    raise TensorError(f"it has no tensor of the name {' or '.join(NAMES[what])}")
