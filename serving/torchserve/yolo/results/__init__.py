"""From raw head output to one image's answer, by task.

    detect     boxes
    segment    boxes, masks[i]: polygons of boxes[i]
    pose       boxes, keypoints[i]: points of boxes[i]
    obb        boxes (the upright hull), obb[i]: corners and angle of boxes[i]
    classify   boxes (none), probs: the five likeliest classes

Coordinates are pixels of the upright image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yolo import letterbox
from yolo.letterbox import Floats, Geometry
from yolo.metadata import Metadata
from yolo.parameters import Parameters
from yolo.results import classify, keypoints, masks, nms, obb

RTDETR = "RTDETRDecoder"


def answer(outputs: Sequence[Floats], geometry: Geometry, wanted: Parameters, model: Metadata) -> dict[str, Any]:
    """Return the answer's keys that come from the model; `outputs` are those of one image, without the batch axis."""
    if model.task == "classify":
        return {"boxes": [], "probs": classify.probabilities(outputs[0], model.names)}
    rows = select(outputs[0], wanted, model)
    if model.task == "obb":
        return _oriented(rows, geometry, model)
    if model.task == "segment":
        return _segmented(rows, outputs[1], geometry, model)
    found: dict[str, Any] = {"boxes": boxes(_placed(rows, geometry, model), rows, model.names)}
    if model.task == "pose" and model.kpt_shape is not None:
        found["keypoints"] = keypoints.place(rows[:, 6:], model.kpt_shape, geometry)
    return found


def select(prediction: Floats, wanted: Parameters, model: Metadata) -> Floats:
    """Return the kept detections as rows [box 4, score, class, extras], highest score first.

    Boxes are corners in the input's pixels; centre and size if oriented; for RT-DETR centre and size as fractions of
    the image.
    """
    if model.head == RTDETR:
        return nms.final(prediction, wanted.conf, wanted.max_det, wanted.classes)
    if model.end2end:
        # Ultralytics lets the head rank at least 300, and filters classes afterwards.
        rows = nms.ranked(prediction, model.classes, max(wanted.max_det, 300), wanted.agnostic_nms)
        return nms.final(rows, wanted.conf, wanted.max_det, wanted.classes)
    rows = nms.candidates(prediction, model.classes, wanted.conf, wanted.classes, wanted.multi_label)
    shift = nms.offsets(rows, wanted.agnostic_nms)
    if model.task == "obb":
        turned = np.concatenate((rows[:, :2] + shift, rows[:, 2:4], rows[:, -1:]), axis=1)
        return rows[nms.suppress_all(turned, wanted.iou, wanted.max_det, obb.probiou)]
    rows[:, :4] = nms.corners(rows[:, :4])
    return rows[nms.suppress(rows[:, :4] + shift, wanted.iou, wanted.max_det)]


def boxes(corners: Floats, rows: Floats, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the detections as answered: xyxy with 2 decimals, conf with 4."""
    places = corners.astype(np.float64).round(2).tolist()
    scores = rows[:, 4].astype(np.float64).round(4).tolist()
    classes = rows[:, 5].astype(int).tolist()
    return [
        {"xyxy": place, "conf": score, "cls": index, "name": names.get(index, str(index))}
        for place, score, index in zip(places, scores, classes, strict=True)
    ]


def _placed(rows: Floats, geometry: Geometry, model: Metadata) -> Floats:
    if model.head != RTDETR:
        return letterbox.to_source(rows[:, :4], geometry)
    height, width = geometry.source
    extent = np.array([width, height, width, height], dtype=np.float32)
    return (nms.corners(rows[:, :4]) * extent).clip(0, extent)


def _segmented(rows: Floats, prototypes: Floats, geometry: Geometry, model: Metadata) -> dict[str, Any]:
    cropped = masks.crop(rows[:, 6:], prototypes, rows[:, :4], geometry.shape)
    # Ultralytics also drops a box whose mask is empty.
    full = [index for index, (pixels, _, _) in enumerate(cropped) if pixels.any()]
    rows = rows[full]
    return {
        "boxes": boxes(_placed(rows, geometry, model), rows, model.names),
        "masks": [masks.polygons(cropped[index], geometry) for index in full],
    }


def _oriented(rows: Floats, geometry: Geometry, model: Metadata) -> dict[str, Any]:
    turned = np.concatenate((letterbox.centres_to_source(rows[:, :4], geometry), rows[:, -1:]), axis=1)
    points = obb.corners(turned)
    height, width = geometry.source
    hull = np.concatenate((points.min(axis=1), points.max(axis=1)), axis=1).clip(0, (width, height, width, height))
    return {
        "boxes": boxes(hull.astype(np.float32), rows, model.names),
        "obb": obb.describe(turned, points),
    }
