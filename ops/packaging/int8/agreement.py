"""Measure how well the detections of two engines on the same pictures agree. Pure functions.

A *partner* is a detection of the same class that overlaps enough; each detection has at most one. The overlap depends
on the task, as in COCO's metrics: boxes for detection, also masks for segmentation, also keypoints for pose, and
oriented boxes for OBB. Detections are those of the handler's answers, with coordinates in pixels of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Answer: TypeAlias = Mapping[str, Any]
Matrix: TypeAlias = npt.NDArray[np.float64]

THRESHOLDS = (0.5, 0.75, 0.9)
# COCO defines a constant for each keypoint of a person, 0.025 (eyes) to 0.107 (hips), and none for other skeletons.
KEYPOINT_SIGMA = 0.05
MASK_SIDE = 160  # pixels of the longer side at which two masks are compared


@dataclass(frozen=True)
class Agreement:
    """Totals over some pictures: detections of each side, and partners found at each threshold."""

    pictures: int
    reference: int
    candidate: int
    partners: Mapping[float, int]
    conf_difference: float | None  # mean |difference| over the partners at the lowest threshold, None without any

    def of_reference(self, threshold: float) -> float:
        """Return the share of the reference's detections that have a partner; 0 without detections."""
        return self.partners[threshold] / self.reference if self.reference else 0.0

    def of_candidate(self, threshold: float) -> float:
        """Return the share of the candidate's detections that have a partner; 0 without detections."""
        return self.partners[threshold] / self.candidate if self.candidate else 0.0

    def share(self, threshold: float) -> float:
        """Return the share of the detections of both sides that have a partner: missing and extra ones count."""
        both = self.reference + self.candidate
        return 2 * self.partners[threshold] / both if both else 0.0


def agreement(task: str, pairs: Sequence[tuple[Answer, Answer]]) -> Agreement:
    """Compare (reference, candidate) answers, one pair for each picture."""
    counts = dict.fromkeys(THRESHOLDS, 0)
    differences: list[float] = []
    for reference, candidate in pairs:
        overlaps = similarity(task, reference, candidate)
        for threshold in THRESHOLDS:
            matched = partners(overlaps, threshold)
            counts[threshold] += len(matched)
            if threshold == THRESHOLDS[0]:
                differences += [
                    abs(reference["boxes"][first]["conf"] - candidate["boxes"][second]["conf"])
                    for first, second in matched
                ]
    return Agreement(
        pictures=len(pairs),
        reference=sum(len(reference["boxes"]) for reference, _ in pairs),
        candidate=sum(len(candidate["boxes"]) for _, candidate in pairs),
        partners=counts,
        conf_difference=fmean(differences) if differences else None,
    )


def partners(overlaps: Matrix, threshold: float) -> list[tuple[int, int]]:
    """Return (row, column) pairs, each index once: each row takes the best free column, as in COCO's metrics."""
    left = overlaps.copy()
    matched = []
    for row in range(len(left)):
        if not left.shape[1]:
            break
        column = int(left[row].argmax())
        if left[row, column] >= threshold:
            matched.append((row, column))
            left[:, column] = -1
    return matched


def similarity(task: str, first: Answer, second: Answer) -> Matrix:
    """Return the (N, M) overlaps, 0 to 1, of two answers' detections; -1 where the classes differ."""
    classes = [np.array([box["cls"] for box in answer["boxes"]], dtype=int) for answer in (first, second)]
    overlaps = _oriented(first["obb"], second["obb"]) if task == "obb" else _boxes(first["boxes"], second["boxes"])
    overlaps[classes[0][:, None] != classes[1][None, :]] = -1
    # Masks and keypoints are expensive, so they are compared only if the boxes could be partners.
    for row, column in np.argwhere(overlaps >= THRESHOLDS[0]).tolist():
        if task == "segment":
            more = _masks(first["masks"][row], second["masks"][column])
        elif task == "pose":
            more = _keypoints(first["keypoints"][row], second["keypoints"][column], first["boxes"][row]["xyxy"])
        else:
            continue
        overlaps[row, column] = min(overlaps[row, column], more)
    return overlaps


def _boxes(first: Sequence[Answer], second: Sequence[Answer]) -> Matrix:
    a, b = (np.array([box["xyxy"] for box in boxes], dtype=float).reshape(-1, 4) for boxes in (first, second))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    sizes = [(corners[:, 2:] - corners[:, :2]).prod(axis=1) for corners in (a, b)]
    union = sizes[0][:, None] + sizes[1][None, :] - shared
    overlaps: Matrix = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def _oriented(first: Sequence[Answer], second: Sequence[Answer]) -> Matrix:
    corners = [[np.array(box["xyxyxyxy"], dtype=np.float32) for box in boxes] for boxes in (first, second)]
    overlaps = np.zeros((len(first), len(second)))
    for row, one in enumerate(corners[0]):
        for column, other in enumerate(corners[1]):
            shared = cv2.intersectConvexConvex(one, other)[0]
            union = cv2.contourArea(one) + cv2.contourArea(other) - shared
            overlaps[row, column] = shared / union if union > 0 else 0
    return overlaps


def _masks(first: Sequence[Any], second: Sequence[Any]) -> float:
    """Return the IoU of two masks, each a list of polygons, drawn in the rectangle around both."""
    outlines = [[np.array(polygon, dtype=float) for polygon in mask] for mask in (first, second)]
    if not all(outlines):
        return float(not any(outlines))
    points = np.concatenate([polygon for mask in outlines for polygon in mask])
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    scale = MASK_SIDE / max(extent, 1.0)
    drawn = []
    for mask in outlines:
        canvas = np.zeros((MASK_SIDE + 1, MASK_SIDE + 1), dtype=np.uint8)
        cv2.fillPoly(canvas, [((polygon - low) * scale).round().astype(np.int32) for polygon in mask], 1)
        drawn.append(canvas.astype(bool))
    return float((drawn[0] & drawn[1]).sum() / (drawn[0] | drawn[1]).sum())


def _keypoints(first: Sequence[Any], second: Sequence[Any], box: Sequence[float]) -> float:
    """Return the object keypoint similarity over the confident points of the first skeleton, or over all."""
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    sure = a[:, 2] >= 0.5 if a.shape[1] == 3 and (a[:, 2] >= 0.5).any() else np.ones(len(a), dtype=bool)
    squared = ((a[sure, :2] - b[sure, :2]) ** 2).sum(axis=1)
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1.0)
    return float(np.exp(-squared / (2 * area * (2 * KEYPOINT_SIGMA) ** 2)).mean())
