"""Results of the tasks beyond boxes: masks, keypoints, oriented boxes, classes."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from tests.unit.yolo.samples import head, metadata
from yolo import letterbox, parameters, results
from yolo.letterbox import Geometry
from yolo.results import classify, keypoints, masks, obb

PLAIN = Geometry((64, 64), (64, 64), 0, 0, 0, 0)


def answer(outputs: list[np.ndarray], geometry: Geometry = PLAIN, **changed: object) -> dict:
    model = metadata(**changed)
    return results.answer(outputs, geometry, parameters.parse({}, model), model)


def test_boxes_are_rounded_named_and_sorted() -> None:
    found = answer([head([(20.126, 20, 10, 10, 0, 0.5), (40, 40, 8, 8, 2, 0.987654)])])
    assert found == {
        "boxes": [
            {"xyxy": [36.0, 36.0, 44.0, 44.0], "conf": 0.9877, "cls": 2, "name": "stop sign"},
            {"xyxy": [15.13, 15.0, 25.13, 25.0], "conf": 0.5, "cls": 0, "name": "person"},
        ]
    }


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_nothing_found_is_an_empty_list_for_every_task(task: str) -> None:
    extras = {"detect": 0, "segment": 4, "pose": 6, "obb": 1}[task]
    output = np.zeros((4 + 3 + extras, 84), dtype=np.float32)
    prototypes = np.zeros((4, 16, 16), dtype=np.float32)
    found = answer([output, prototypes], task=task, kpt_shape=(2, 3) if task == "pose" else None)
    assert all(value == [] for value in found.values())
    assert set(found) == {"boxes", *{"segment": ["masks"], "pose": ["keypoints"], "obb": ["obb"]}.get(task, [])}


def test_a_class_without_a_name_is_called_by_its_id() -> None:
    found = answer([head([(20, 20, 10, 10, 2, 0.5)])], names={0: "a", 1: "b", 5: "c"})
    assert found["boxes"][0]["name"] == "2"


def test_rtdetr_boxes_are_fractions_of_the_picture() -> None:
    rows = np.array([[0.5, 0.5, 0.5, 1.5, 0.9, 1], [0.1, 0.1, 0.1, 0.1, 0.2, 0]], dtype=np.float32)
    found = answer([rows], letterbox.stretch((100, 200), (64, 64)), head=results.RTDETR)
    assert [box["xyxy"] for box in found["boxes"]] == [[50.0, 0.0, 150.0, 100.0]]


def disc_prototypes() -> np.ndarray:
    """One prototype: positive within a disc in the middle, negative outside."""
    y, x = np.mgrid[:16, :16] - 7.5
    return (5.0 - np.hypot(x, y)).astype(np.float32)[None]


def test_a_mask_is_cut_to_its_box_and_outlined_in_the_picture() -> None:
    (mask,) = masks.crop(
        np.ones((1, 1), dtype=np.float32), disc_prototypes(), np.array([[32, 0, 64, 64]], dtype=np.float32), (64, 64)
    )
    pixels, left, top = mask
    assert (left, top) == (32, 0)
    assert 0.4 * math.pi * 20**2 < pixels.sum() < 0.6 * math.pi * 20**2
    (outline,) = masks.polygons(mask, Geometry((128, 128), (64, 64), 0, 0, 0, 0))
    xs, ys = np.array(outline).T
    assert (xs.min(), xs.max()) == pytest.approx((64, 104), abs=4)
    assert (ys.min(), ys.max()) == pytest.approx((24, 104), abs=4)


def test_a_mask_in_two_parts_has_two_outlines() -> None:
    pixels = np.zeros((20, 20), dtype=np.uint8)
    pixels[2:8, 2:8] = pixels[12:18, 12:18] = 1
    pixels[0, 19] = 1  # a speck is no polygon
    assert len(masks.polygons((pixels, 0, 0), PLAIN)) == 2


def test_a_box_outside_the_picture_has_no_mask_and_is_left_out() -> None:
    output = np.zeros((4 + 3 + 1, 84), dtype=np.float32)
    output[:, 0] = (32, 32, 40, 40, 0.9, 0, 0, 1)
    output[:, 1] = (-50, -50, 10, 10, 0, 0.8, 0, 1)
    output[:, 2] = (32, 32, 40, 40, 0, 0, 0.7, -1)  # its mask lies wholly outside its box's corners, but is not empty
    found = answer([output, disc_prototypes()], task="segment")
    assert [box["cls"] for box in found["boxes"]] == [0, 2]
    assert len(found["masks"]) == 2


def test_keypoints_are_placed_clipped_and_keep_their_confidence() -> None:
    extras = np.array([[10, 10, 0.91234, 70, -5, 0.1]], dtype=np.float32)
    geometry = Geometry((128, 128), (64, 64), 0, 0, 0, 0)
    assert keypoints.place(extras, (2, 3), geometry) == [[[20.0, 20.0, 0.9123], [128.0, 0.0, 0.1]]]


def test_keypoints_without_confidence_have_two_numbers() -> None:
    assert keypoints.place(np.array([[10, 12]], dtype=np.float32), (1, 2), PLAIN) == [[[10.0, 12.0]]]


def test_an_oriented_box_has_its_corners_its_angle_and_its_hull() -> None:
    output = np.zeros((4 + 3 + 1, 84), dtype=np.float32)
    output[:, 0] = (32, 32, 20, 10, 0, 0.9, 0, math.pi / 2)
    found = answer([output], task="obb")
    assert found["boxes"][0]["xyxy"] == pytest.approx([27, 22, 37, 42], abs=0.01)
    assert found["obb"][0]["xywhr"] == pytest.approx([32, 32, 20, 10, math.pi / 2], abs=1e-4)
    corners = np.array(found["obb"][0]["xyxyxyxy"], dtype=np.float32)
    (centre, size, _) = cv2.minAreaRect(corners)
    assert centre == pytest.approx((32, 32), abs=0.01)
    assert sorted(size) == pytest.approx([10, 20], abs=0.01)


def test_the_similarity_of_rotated_boxes_is_one_for_the_same_box_and_none_far_away() -> None:
    boxes = np.array([[10, 10, 8, 4, 0.3], [200, 200, 8, 4, 0.3]], dtype=np.float32)
    similarity = obb.probiou(boxes, boxes)
    assert similarity[0, 0] == pytest.approx(1, abs=2e-3)
    assert similarity[0, 1] == pytest.approx(0, abs=1e-3)


def test_the_five_likeliest_classes_come_highest_first() -> None:
    scores = np.array([0.1, 0.4, 0.05, 0.25, 0.15, 0.03, 0.02], dtype=np.float32)
    found = classify.probabilities(scores, {index: f"c{index}" for index in range(7)})
    assert [entry["cls"] for entry in found] == [1, 3, 4, 0, 2]
    assert found[0] == {"cls": 1, "name": "c1", "conf": 0.4}
    assert len(classify.probabilities(scores[:2], {0: "no", 1: "yes"})) == 2
