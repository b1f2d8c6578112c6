"""The input of a classification model is that of its training."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.unit.yolo.samples import blobs
from yolo.crop import crop_centre


@pytest.mark.parametrize("size", [(810, 1080), (1280, 720), (224, 224), (100, 300), (31, 33), (500, 20), (1, 1)])
def test_the_crop_is_that_of_a_whole_resize(size: tuple[int, int]) -> None:
    width, height = size
    picture = blobs(width, height)
    side = (224, int(224 * height / width)) if width <= height else (int(224 * width / height), 224)
    whole = np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.BILINEAR))
    top, left = round((whole.shape[0] - 224) / 2.0), round((whole.shape[1] - 224) / 2.0)
    expected = whole[top : top + 224, left : left + 224].astype(int)
    rounding = 1 if max(size) > 20 * min(size) else 0
    assert np.abs(crop_centre(picture, (224, 224)).astype(int) - expected).max() <= rounding


def test_an_endless_strip_is_cropped_without_a_giant_in_between() -> None:
    strip = np.zeros((1, 1_000_000, 3), dtype=np.uint8)
    assert crop_centre(strip, (224, 224)).shape == (224, 224, 3)


def test_a_target_that_is_not_square_is_filled() -> None:
    assert crop_centre(blobs(50, 20)[..., :1], (64, 96)).shape == (64, 96, 1)
