"""Which detections the second model gets."""

from __future__ import annotations

import pytest

from gateway.detection.prediction import Detection
from gateway.second_stage.choice import MOST_PIXELS, choose
from gateway.second_stage.wish import Wish

SIZE = (400, 300)
FOUND = [
    Detection(0.5, "car", 2, (0, 0, 100, 100)),
    Detection(0.9, "person", 0, (100, 0, 200, 100)),
    Detection(0.7, "car", 2, (200, 0, 300, 100)),
    Detection(0.8, "Car", 7, (300, 0, 304, 4)),
]


def test_without_classes_every_detection_is_chosen_highest_confidence_first() -> None:
    choice = choose(FOUND, Wish("second", margin=0), SIZE)
    assert list(choice.crops) == [1, 2, 0]
    assert choice.crops[2] == (200, 0, 300, 100)
    assert list(choice.too_small) == [3]
    assert "4 × 4 pixels" in choice.too_small[3]
    assert choice.left_out == 0


@pytest.mark.parametrize(
    ("classes", "chosen"), [("car", [2, 0]), ("2", [2, 0]), ("person,car", [1, 2, 0]), ("CAR", [3, 2, 0]), ("dog", [])]
)
def test_classes_mean_what_they_mean_to_the_first_model(classes: str, chosen: list[int]) -> None:
    choice = choose(FOUND, Wish("second", classes), SIZE)
    assert sorted([*choice.crops, *choice.too_small], key=lambda index: -FOUND[index].confidence) == chosen


def test_those_beyond_the_bound_are_counted_and_no_others() -> None:
    choice = choose(FOUND, Wish("second", "car", most=1), SIZE)
    assert (list(choice.crops), choice.left_out) == ([2], 1)
    assert choose(FOUND, Wish("second", most=4), SIZE).left_out == 0


def test_all_crops_together_have_a_bounded_number_of_pixels() -> None:
    whole = [Detection(0.9, "house", 0, (0, 0, 7900, 7900)) for _ in range(30)]
    small = Detection(0.1, "door", 1, (0, 0, 50, 50))
    choice = choose([*whole, small], Wish("second", margin=0, most=64), (8000, 8000))
    in_full = MOST_PIXELS // 1975**2  # each is sent at a quarter of its size
    assert list(choice.crops) == [*range(in_full), 30]
    assert choice.left_out == 30 - in_full


def test_nothing_found_is_nothing_chosen() -> None:
    choice = choose([], Wish("second", "car"), SIZE)
    assert (choice.crops, choice.too_small, choice.left_out) == ({}, {}, 0)
