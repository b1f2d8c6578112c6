"""How two answers to one picture differ, in boxes."""

from __future__ import annotations

import random

import pytest

from gateway.detection.prediction import Detection, Prediction
from gateway.routing.differences import Differences, compare, iou

A, B = (0.0, 0.0, 100.0, 100.0), (500.0, 500.0, 600.0, 600.0)


def found(*boxes: tuple[float, ...], name: str = "person", **extra: object) -> Prediction:
    detections = [Detection(0.9, name, 0, box) for box in boxes]
    return Prediction(detections, (810, 1080), "yolo", "1.0", "detect", extra=extra)


def shifted(box: tuple[float, ...], by: float) -> tuple[float, ...]:
    return box[0] + by, box[1], box[2] + by, box[3]


@pytest.mark.parametrize(
    ("stable", "candidate", "differences"),
    [
        (found(), found(), Differences(0, 0, 0)),
        (found(A, B), found(B, A), Differences(0, 0, 0)),
        (found(A, B), found(A), Differences(1, 0, 0)),
        (found(A), found(A, B), Differences(0, 1, 0)),
        (found(A), found(), Differences(1, 0, 0)),
        (found(A), found(shifted(A, 4)), Differences(0, 0, 0)),  # IoU 0.92
        (found(A), found(shifted(A, 10)), Differences(0, 0, 1)),  # 0.82
        (found(A), found(shifted(A, 40)), Differences(1, 1, 0)),  # 0.43
        (found(A), found(A, name="bus"), Differences(1, 1, 0)),
        (found(A), found(A, shifted(A, 2)), Differences(0, 1, 0)),
        (found((5.0, 5.0, 5.0, 5.0)), found((5.0, 5.0, 5.0, 5.0)), Differences(0, 0, 0)),
        (found(probs=[{"name": "cat"}]), found(probs=[{"name": "cat"}]), Differences(0, 0, 0)),
        (found(probs=[{"name": "cat"}]), found(probs=[{"name": "dog"}]), Differences(1, 1, 0)),
    ],
)
def test_boxes_are_missing_extra_or_moved(stable: Prediction, candidate: Prediction, differences: Differences) -> None:
    assert compare(stable, candidate) == differences


def test_each_box_takes_the_free_one_that_overlaps_it_most() -> None:
    stable = found(A, shifted(A, 20))
    candidate = found(shifted(A, 20), A)
    assert compare(stable, candidate) == Differences(0, 0, 0)


def test_looking_only_near_a_box_misses_none() -> None:
    rng = random.Random(7)

    def box() -> tuple[float, ...]:
        x, y, w, h = rng.uniform(0, 60), rng.uniform(0, 60), rng.uniform(1, 60), rng.uniform(1, 60)
        return x, y, x + w, y + h

    for _ in range(2000):
        one, other = box(), box()
        assert (compare(found(one), found(other)).missing == 0) == (iou(one, other) >= 0.5)
