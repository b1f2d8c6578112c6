"""Which boxes stay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.yolo.samples import head
from yolo.results import nms, obb


def test_a_score_at_the_threshold_is_out_and_one_above_is_in() -> None:
    output = head([(10, 10, 4, 4, 0, 0.25), (30, 30, 4, 4, 1, np.nextafter(np.float32(0.25), np.float32(1)))])
    assert nms.candidates(output, 3, 0.25)[:, 5].tolist() == [1]


def test_a_box_counts_by_its_best_class_alone() -> None:
    output = head([(10, 10, 4, 4, 0, 0.6)])
    output[4 + 2, 0] = 0.7
    rows = nms.candidates(output, 3, 0.1)
    assert rows[:, 4].tolist() == pytest.approx([0.7])
    assert rows[:, 5].tolist() == [2]


def test_a_class_filter_does_not_fall_back_to_the_second_class() -> None:
    output = head([(10, 10, 4, 4, 0, 0.6)])
    output[4 + 2, 0] = 0.7
    assert len(nms.candidates(output, 3, 0.1, wanted=[0])) == 0


def test_with_several_labels_a_box_counts_for_each_class_above_the_threshold() -> None:
    output = head([(10, 10, 4, 4, 0, 0.6), (30, 30, 4, 4, 1, 0.5)])
    output[4 + 2, 0] = 0.7
    output[4 + 1, 0] = 0.1
    rows = nms.candidates(output, 3, 0.1, multi_label=True)
    assert rows[:, [0, 5]].tolist() == [[10, 2], [10, 0], [30, 1]]
    assert nms.candidates(output, 3, 0.1, wanted=[0], multi_label=True)[:, 5].tolist() == [0]


def test_candidates_come_highest_first_and_equal_ones_in_their_own_order() -> None:
    output = head([(1, 1, 1, 1, 0, 0.5), (2, 2, 1, 1, 1, 0.9), (3, 3, 1, 1, 2, 0.5)])
    assert nms.candidates(output, 3, 0.1)[:, 0].tolist() == [2, 1, 3]


def test_extras_follow_their_box() -> None:
    output = np.vstack((head([(1, 1, 1, 1, 0, 0.5), (2, 2, 1, 1, 1, 0.9)]), np.arange(84)[None])).astype(np.float32)
    assert nms.candidates(output, 3, 0.1)[:, 6].tolist() == [1, 0]


def test_nothing_found_is_an_empty_table() -> None:
    rows = nms.candidates(head([]), 3, 0.25)
    assert rows.shape == (0, 6)
    assert nms.suppress(nms.corners(rows[:, :4]), 0.7, 300).tolist() == []
    assert nms.suppress_all(np.zeros((0, 5), dtype=np.float32), 0.7, 300, obb.probiou).tolist() == []


def test_no_more_than_thirty_thousand_candidates_are_kept() -> None:
    output = np.zeros((5, 30_100), dtype=np.float32)
    output[4] = np.linspace(0.5, 0.9, 30_100)
    rows = nms.candidates(output, 1, 0.25)
    assert len(rows) == 30_000
    assert rows[0, 4] == pytest.approx(0.9)


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(corners, dtype=np.float32).reshape(-1, 4)


def test_an_overlap_at_the_threshold_stays_and_one_above_goes() -> None:
    pair = boxes((0, 0, 10, 10), (0, 0, 10, 5))  # IoU exactly one half
    assert nms.suppress(pair, 0.5, 300).tolist() == [0, 1]
    assert nms.suppress(pair, 0.49, 300).tolist() == [0]


def test_what_a_suppressed_box_overlaps_may_stay() -> None:
    chain = boxes((0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10))
    assert nms.suppress(chain, 0.4, 300).tolist() == [0, 2]


def test_boxes_without_area_suppress_nothing() -> None:
    assert nms.suppress(boxes((5, 5, 5, 5), (5, 5, 5, 5)), 0.5, 300).tolist() == [0, 1]


def test_suppression_stops_at_the_limit() -> None:
    apart = boxes(*((20.0 * index, 0, 20.0 * index + 10, 10) for index in range(50)))
    assert nms.suppress(apart, 0.5, 7).tolist() == list(range(7))


def test_classes_do_not_suppress_one_another_unless_asked() -> None:
    rows = nms.candidates(head([(10, 10, 8, 8, 0, 0.9), (10, 10, 8, 8, 1, 0.8)]), 3, 0.25)
    corners = nms.corners(rows[:, :4])
    assert len(nms.suppress(corners + nms.offsets(rows, agnostic=False), 0.5, 300)) == 2
    assert len(nms.suppress(corners + nms.offsets(rows, agnostic=True), 0.5, 300)) == 1


def test_rotated_boxes_go_when_any_higher_one_overlaps_kept_or_not() -> None:
    chain = np.array([[0, 0, 10, 10, 0], [3, 0, 10, 10, 0], [6, 0, 10, 10, 0]], dtype=np.float32)
    similarity = obb.probiou(chain, chain)
    between = float((similarity[0, 1] + similarity[0, 2]) / 2)
    assert nms.suppress_all(chain, between, 300, obb.probiou).tolist() == [0]


def test_rotated_boxes_are_compared_across_blocks() -> None:
    random = np.random.default_rng(0)
    many = np.concatenate(
        (random.uniform(0, 400, (1200, 2)), random.uniform(5, 60, (1200, 2)), random.uniform(0, 1, (1200, 1))), 1
    )
    many = many.astype(np.float32)
    similarity = np.triu(obb.probiou(many, many), 1)
    expected = np.flatnonzero(~(similarity > np.float32(0.3)).any(axis=0))
    assert nms.suppress_all(many, 0.3, 5000, obb.probiou).tolist() == expected.tolist()
    assert nms.suppress_all(many, 0.3, 5, obb.probiou).tolist() == expected[:5].tolist()


def test_end_to_end_rows_are_only_filtered() -> None:
    rows = np.array([[0, 0, 9, 9, 0.9, 1], [0, 0, 9, 9, 0.8, 0], [0, 0, 9, 9, 0.2, 1]], dtype=np.float32)
    assert nms.final(rows, 0.25, 300)[:, 4].tolist() == pytest.approx([0.9, 0.8])
    assert len(nms.final(rows, 0.25, 1)) == 1
    assert nms.final(rows, 0.25, 300, wanted=[0])[:, 4].tolist() == pytest.approx([0.8])


def test_an_end_to_end_head_may_name_one_anchor_under_two_classes() -> None:
    output = head([(1, 1, 2, 2, 0, 0.9), (5, 5, 6, 6, 1, 0.3)]).T.copy()
    output[0, 4 + 2] = 0.8
    rows = nms.ranked(output, 3, 3, agnostic=False)
    assert rows[:, 5].tolist() == [0, 2, 1]
    assert rows[:, 0].tolist() == [1, 1, 5]
    assert nms.ranked(output, 3, 2, agnostic=True)[:, 5].tolist() == [0, 1]


def test_fewer_anchors_than_asked_for_are_no_error() -> None:
    assert nms.ranked(head([], anchors=21).T, 3, 300, agnostic=False).shape == (21, 6)
    assert nms.ranked(head([], anchors=21).T, 3, 300, agnostic=True).shape == (21, 6)
