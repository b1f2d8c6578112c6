"""The rectangle that is cut out around a box."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.second_stage.crop import LARGEST_PIXELS, SMALLEST, Rectangle, crop_around, reduction, scaled, sent_size

SIZE = (810, 1080)


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((100, 200, 300, 600), 0, (100, 200, 300, 600)),
        ((100, 200, 300, 600), 0.1, (60, 160, 340, 640)),  # a tenth of 400 on each side
        ((100.4, 200.6, 300.4, 400.6), 0, (100, 200, 301, 401)),  # every pixel that the box touches
        ((100.4, 200.6, 300.4, 400.6), 0.25, (50, 150, 351, 451)),
        ((0, 0, 810, 1080), 0.5, (0, 0, 810, 1080)),
        ((-50, 900, 200, 2000), 0.1, (0, 880, 220, 1080)),  # 200 × 180 of it are in the image
    ],
)
def test_a_crop_is_the_box_and_its_margin(
    box: tuple[float, ...], margin: float, expected: tuple[int, int, int, int]
) -> None:
    assert crop_around(box, margin, SIZE) == expected


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ((400, 100, 401, 300), SIZE, (397, 100, 405, 300)),
        ((0, 100, 1, 300), SIZE, (0, 100, 8, 300)),
        ((809, 100, 810, 300), SIZE, (802, 100, 810, 300)),
        ((0, 1, 200, 2), (200, 3), (0, 0, 200, 3)),  # as much as there is
        ((0, 0, 3, 3), (3, 3), (0, 0, 3, 3)),
    ],
)
def test_a_slim_crop_is_widened_inside_of_the_image(
    box: tuple[float, ...], size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert crop_around(box, 0, size) == expected


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10, 10, 15, 17), "5 × 7 pixels; its longer side needs 8"),
        ((-100, 10, 4, 17), "4 × 7 pixels"),
        ((810, 10, 900, 90), "no pixel of the image"),
        ((50, 50, 50, 90), "no pixel"),
        ((90, 50, 50, 90), "no pixel"),
        ((math.nan, 0, 50, 50), "not made of numbers"),
        ((0, 0, math.inf, 50), "not made of numbers"),
    ],
)
def test_a_box_in_which_nothing_can_be_seen_has_a_reason(box: tuple[float, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        crop_around(box, 0.1, SIZE)


sides = st.integers(1, 20_000)
places = st.floats(-1e4, 3e4, allow_nan=False)


@settings(derandomize=True, deadline=None)
@given(st.tuples(places, places, places, places), st.floats(0, 1), st.tuples(sides, sides))
def test_every_crop_is_inside_holds_its_box_and_is_large_enough(
    box: tuple[float, float, float, float], margin: float, size: tuple[int, int]
) -> None:
    try:
        crop = crop_around(box, margin, size)
    except ValueError:
        return
    assert 0 <= crop.left < crop.right <= size[0]
    assert 0 <= crop.top < crop.bottom <= size[1]
    x1, y1, x2, y2 = box
    assert crop.left <= max(x1, 0)
    assert crop.top <= max(y1, 0)
    assert crop.right >= min(x2, size[0])
    assert crop.bottom >= min(y2, size[1])
    assert crop.width >= min(SMALLEST, size[0])
    assert crop.height >= min(SMALLEST, size[1])


@settings(derandomize=True, deadline=None)
@given(st.tuples(places, places, places, places), st.floats(0, 0.9), st.tuples(sides, sides))
def test_a_larger_margin_never_makes_a_smaller_crop(
    box: tuple[float, float, float, float], margin: float, size: tuple[int, int]
) -> None:
    try:
        crop = crop_around(box, margin, size)
    except ValueError:
        return
    larger = crop_around(box, margin + 0.1, size)
    assert larger.width >= crop.width
    assert larger.height >= crop.height


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_what_is_sent_has_the_crops_shape_and_a_bounded_number_of_pixels(width: int, height: int) -> None:
    crop = Rectangle(5, 7, 5 + width, 7 + height)
    factor = reduction(crop)
    sent = sent_size(crop, factor)
    assert sent[0] * sent[1] <= LARGEST_PIXELS
    assert factor == 1 or math.prod(sent_size(crop, factor - 1)) > LARGEST_PIXELS
    if min(sent) > 100:
        assert sent[0] / sent[1] == pytest.approx(width / height, rel=0.02)


@settings(derandomize=True, deadline=None)
@given(st.floats(0.01, 1), st.floats(0.01, 1), st.data())
def test_a_crop_of_a_smaller_image_is_in_it(across: float, down: float, data: st.DataObject) -> None:
    image = (max(1, round(3000 * across)), max(1, round(2000 * down)))
    left, top = data.draw(st.integers(0, 2999)), data.draw(st.integers(0, 1999))
    right, bottom = data.draw(st.integers(left + 1, 3000)), data.draw(st.integers(top + 1, 2000))
    there = scaled(Rectangle(left, top, right, bottom), image[0] / 3000, image[1] / 2000, image)
    assert 0 <= there.left < there.right <= image[0]
    assert 0 <= there.top < there.bottom <= image[1]
    assert there.left == pytest.approx(left * image[0] / 3000, abs=1)
    assert there.right == pytest.approx(right * image[0] / 3000, abs=1.5)


def test_a_crop_of_the_same_image_stays_itself() -> None:
    assert scaled(Rectangle(3, 4, 30, 40), 1.0, 1.0, (100, 100)) == (3, 4, 30, 40)
