"""The second model's answer in pixels of the whole image, by hand-computed numbers."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.detection.prediction import Detection, Prediction
from gateway.second_stage.place import Placement, place
from tests.gateway.api.test_tasks import handled

WHOLE = (810, 1080)
#: The crop begins at (100, 200). In the second one, each pixel that was sent is 2 wide and 2 high.
SAME, HALVED = Placement(100, 200), Placement(100, 200, 2.0, 2.0)


def seen(*boxes: tuple[float, ...], **extra: Any) -> Prediction:
    found = [Detection(0.9, "plate", 1, box, {"track": 7}) for box in boxes]
    return Prediction(found, (64, 64), "plates", "1.0", "detect", {}, extra)


def test_boxes_are_moved_and_nothing_else_of_them_is_changed() -> None:
    placed = place(seen((1.25, 2.5, 30, 40), (0, 0, 64, 64)), SAME, WHOLE)
    assert [tuple(found.bbox) for found in placed.detections] == [(101.25, 202.5, 130, 240), (100, 200, 164, 264)]
    assert placed.detections[0].extra == {"track": 7}
    assert (placed.image_size, placed.model_name) == (WHOLE, "plates")


def test_boxes_of_a_crop_that_was_scaled_down_are_scaled_up() -> None:
    (found,) = place(seen((1.25, 2.5, 30, 40)), HALVED, WHOLE).detections
    assert tuple(found.bbox) == (102.5, 205, 160, 280)


def test_outlines_of_masks_are_moved() -> None:
    masks = [[[[1.0, 2.0], [3.0, 4.0], [5.5, 6.25]], [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]], []]
    placed = place(seen((0, 0, 9, 9), (0, 0, 9, 9), masks=masks), HALVED, WHOLE)
    assert placed.extra["masks"] == [
        [[[102, 204], [106, 208], [111, 212.5]], [[100, 200], [118, 200], [118, 218]]],
        [],
    ]


@pytest.mark.parametrize("rest", [[], [0.97]])
def test_keypoints_are_moved_and_keep_their_confidence(rest: list[float]) -> None:
    placed = place(seen((0, 0, 9, 9), keypoints=[[[1.5, 2.0, *rest], [0.0, 0.0, *rest]]]), SAME, WHOLE)
    assert placed.extra["keypoints"] == [[[101.5, 202, *rest], [100, 200, *rest]]]


def test_oriented_boxes_are_moved_and_keep_their_angle() -> None:
    box = {"xyxyxyxy": [[1, 1], [5, 1], [5, 3], [1, 3]], "xywhr": [3, 2, 4, 2, 0.5236]}
    placed = place(seen((1, 1, 5, 3), obb=[box]), HALVED, WHOLE)
    corners = [[102, 202], [110, 202], [110, 206], [102, 206]]
    assert placed.extra["obb"] == [{"xyxyxyxy": corners, "xywhr": [106, 204, 8, 4, 0.5236]}]


def test_probabilities_and_what_other_servers_add_have_no_place() -> None:
    extra = {"probs": [{"cls": 1, "name": "taxi", "conf": 0.8}], "scene": {"night": 0.9}}
    assert place(seen(**extra), HALVED, WHOLE).extra == extra


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb", "classify"])
def test_what_the_handler_answers_for_each_task_keeps_its_form(task: str) -> None:
    answer = handled(task)
    keys = {key: answer[key] for key in ("masks", "keypoints", "obb", "probs") if key in answer}
    still = place(seen(**keys), Placement(0, 0), WHOLE)
    assert still.extra == keys, "a crop at the corner moves nothing"
    assert all((place(seen(**keys), SAME, WHOLE).extra[key] != keys[key]) == (key != "probs") for key in keys)


@pytest.mark.parametrize(
    "extra",
    [
        {"masks": 3},
        {"masks": [[["ab"]]]},
        {"keypoints": [[[1]]]},
        {"keypoints": [[["x", "y"]]]},
        {"obb": [{"xywhr": [1, 2, 3, 4, 5]}]},
        {"obb": [[1, 2, 3, 4, 5]]},
    ],
)
def test_other_forms_are_errors(extra: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError, KeyError, IndexError)):
        place(seen((0, 0, 9, 9), **extra), SAME, WHOLE)
