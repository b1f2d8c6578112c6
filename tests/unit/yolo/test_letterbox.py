"""Into the network's rectangle and back."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.yolo.samples import blobs
from yolo import letterbox
from yolo.letterbox import Geometry


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ((1080, 810), (640, 480)),
        ((720, 1280), (384, 640)),
        ((640, 640), (640, 640)),
        ((1, 1), (640, 640)),
        ((20, 5000), (32, 640)),
        ((5000, 20), (640, 32)),
        ((1, 3000), (32, 640)),
        ((480, 640), (480, 640)),
        ((481, 640), (512, 640)),
    ],
)
def test_the_rectangle_is_the_smallest_of_whole_strides(source: tuple[int, int], shape: tuple[int, int]) -> None:
    assert letterbox.fit(source, (640, 640), 32).shape == shape


def test_an_odd_padding_puts_the_spare_row_below_and_the_spare_column_right() -> None:
    geometry = letterbox.fit((427, 640), (640, 640), 32)
    assert (geometry.top, geometry.bottom) == (10, 11)
    geometry = letterbox.fit((640, 427), (640, 640), 32)
    assert (geometry.left, geometry.right) == (10, 11)


def test_the_border_is_114_and_the_picture_in_the_middle() -> None:
    geometry = letterbox.fit((20, 64), (64, 64), 32)
    padded = letterbox.apply(np.full((20, 64, 3), 7, dtype=np.uint8), geometry)
    assert padded.shape == (32, 64, 3)
    assert (padded[:6] == 114).all()
    assert (padded[6:26] == 7).all()
    assert (padded[26:] == 114).all()


def test_a_picture_of_the_right_size_is_passed_on_as_it_is() -> None:
    picture = blobs(64, 64)
    assert letterbox.apply(picture, letterbox.fit((64, 64), (64, 64), 32)) is picture


def test_a_grey_picture_keeps_its_channel() -> None:
    assert letterbox.apply(blobs(50, 20)[..., :1], letterbox.fit((20, 50), (64, 64), 32)).shape == (32, 64, 1)


def test_stretching_fills_the_whole_input() -> None:
    assert letterbox.apply(blobs(50, 20), letterbox.stretch((20, 50), (64, 96))).shape == (64, 96, 3)


def test_the_corners_of_the_picture_come_back_to_its_corners() -> None:
    for source in ((1080, 810), (427, 640), (5000, 20), (33, 31), (1, 1)):
        geometry = letterbox.fit(source, (640, 640), 32)
        height, width = geometry.resized
        inner = np.array(
            [[geometry.left, geometry.top, geometry.left + width, geometry.top + height]], dtype=np.float32
        )
        expected = [[0, 0, source[1], source[0]]]
        assert letterbox.to_source(inner, geometry) == pytest.approx(np.array(expected), abs=0.01)


def test_what_lies_in_the_border_is_clipped_to_the_picture() -> None:
    geometry = Geometry((20, 64), (20, 64), 6, 6, 0, 0)
    outside = np.array([[-5, 0, 70, 32]], dtype=np.float32)
    assert letterbox.to_source(outside, geometry).tolist() == [[0, 0, 64, 20]]


def test_no_boxes_come_back_as_no_boxes() -> None:
    geometry = letterbox.fit((20, 64), (64, 64), 32)
    assert letterbox.to_source(np.zeros((0, 4), dtype=np.float32), geometry).shape == (0, 4)


def test_boxes_given_are_not_changed() -> None:
    boxes = np.array([[8, 8, 16, 16]], dtype=np.float32)
    letterbox.to_source(boxes, letterbox.fit((20, 64), (64, 64), 32))
    assert boxes.tolist() == [[8, 8, 16, 16]]


def test_centres_come_back_with_their_sizes_scaled() -> None:
    geometry = letterbox.fit((128, 256), (64, 64), 32)
    found = letterbox.centres_to_source(np.array([[32, 16, 8, 4]], dtype=np.float32), geometry)
    assert found.tolist() == [[128, 64, 32, 16]]
