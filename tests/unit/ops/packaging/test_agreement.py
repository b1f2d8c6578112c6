import numpy as np
import pytest

from ops.packaging.int8 import agreement
from ops.packaging.int8.agreement import agreement as compare


def box(x1, y1, x2, y2, conf=0.9, cls=0):
    return {"xyxy": [x1, y1, x2, y2], "conf": conf, "cls": cls, "name": str(cls)}


def answer(*boxes, **more):
    return {"boxes": list(boxes), **more}


def square(x, y, side):
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


def test_the_same_detections_agree_wholly():
    one = answer(box(0, 0, 100, 100), box(200, 0, 300, 100, cls=3))
    found = compare("detect", [(one, one), (one, one)])
    assert (found.pictures, found.reference, found.candidate) == (2, 4, 4)
    assert [found.share(threshold) for threshold in agreement.THRESHOLDS] == [1, 1, 1]
    assert found.conf_difference == 0


def test_a_box_counts_at_each_threshold_that_its_overlap_reaches():
    # Moved by 10 of 100 pixels: IoU 90 / 110 = 0.818.
    found = compare("detect", [(answer(box(0, 0, 100, 100)), answer(box(10, 0, 110, 100)))])
    assert found.partners == {0.5: 1, 0.75: 1, 0.9: 0}


def test_another_class_is_no_partner():
    found = compare("detect", [(answer(box(0, 0, 100, 100)), answer(box(0, 0, 100, 100, cls=1)))])
    assert found.partners[0.5] == 0
    assert found.conf_difference is None


def test_a_detection_is_the_partner_of_one_only():
    twice = answer(box(0, 0, 100, 100, 0.9), box(1, 0, 101, 100, 0.8))
    found = compare("detect", [(answer(box(0, 0, 100, 100, 0.9)), twice)])
    assert found.of_reference(0.5) == 1
    assert found.of_candidate(0.5) == 0.5
    assert found.share(0.5) == pytest.approx(2 / 3)


def test_what_is_lost_and_what_is_made_up_both_count():
    reference = answer(box(0, 0, 100, 100), box(200, 0, 300, 100))
    candidate = answer(box(0, 0, 100, 100), box(500, 0, 600, 100), box(700, 0, 800, 100))
    found = compare("detect", [(reference, candidate)])
    assert (found.of_reference(0.5), found.of_candidate(0.5)) == (1 / 2, 1 / 3)
    assert found.share(0.5) == 2 / 5


def test_the_difference_of_confidence_is_that_of_partners_and_has_no_sign():
    reference = answer(box(0, 0, 100, 100, 0.9), box(200, 0, 300, 100, 0.5), box(400, 0, 500, 100, 0.3))
    candidate = answer(box(0, 0, 100, 100, 0.8), box(200, 0, 300, 100, 0.7))
    assert compare("detect", [(reference, candidate)]).conf_difference == pytest.approx(0.15)


@pytest.mark.parametrize(
    "pairs", [[], [(answer(), answer())], [(answer(box(0, 0, 9, 9)), answer())], [(answer(), answer(box(0, 0, 9, 9)))]]
)
def test_without_boxes_on_a_side_nothing_agrees(pairs):
    found = compare("detect", pairs)
    assert (found.share(0.5), found.of_reference(0.5), found.of_candidate(0.5)) == (0, 0, 0)
    assert found.conf_difference is None


def test_a_row_takes_the_best_column_left():
    assert agreement.partners(np.array([[0.6, 0.9], [0.7, 0.95]]), 0.5) == [(0, 1), (1, 0)]


def test_turned_boxes_are_compared_as_they_lie_not_by_their_hulls():
    first = answer(box(0, 0, 100, 100), obb=[{"xyxyxyxy": [[0, 10], [10, 0], [100, 90], [90, 100]]}])
    crossed = answer(box(0, 0, 100, 100), obb=[{"xyxyxyxy": [[90, 0], [100, 10], [10, 100], [0, 90]]}])
    assert agreement.similarity("obb", first, first)[0, 0] == pytest.approx(1, abs=1e-3)
    assert agreement.similarity("obb", first, crossed)[0, 0] < 0.1


def test_masks_count_beside_boxes():
    whole = answer(box(0, 0, 100, 100), masks=[[square(0, 0, 100)]])
    corner = answer(box(0, 0, 100, 100), masks=[[square(0, 0, 50)]])
    empty = answer(box(0, 0, 100, 100), masks=[[]])
    assert agreement.similarity("segment", whole, whole)[0, 0] == 1
    assert agreement.similarity("segment", whole, corner)[0, 0] == pytest.approx(0.25, abs=0.02)
    assert agreement.similarity("segment", whole, empty)[0, 0] == 0
    assert agreement.similarity("segment", empty, empty)[0, 0] == 1


def test_keypoints_count_beside_boxes_where_the_reference_is_sure_of_them():
    def person(x, confidence=0.9):
        return answer(box(0, 0, 100, 100), keypoints=[[[50, 50, 0.9], [x, 20, confidence]]])

    assert agreement.similarity("pose", person(20), person(20))[0, 0] == 1
    assert agreement.similarity("pose", person(20), person(80))[0, 0] == pytest.approx(0.5, abs=0.01)
    assert agreement.similarity("pose", person(20, 0.1), person(80, 0.1))[0, 0] == 1


def test_keypoints_without_confidences_all_count():
    one, other = (answer(box(0, 0, 100, 100), keypoints=[[[x, 50]]]) for x in (50, 0))
    assert agreement.similarity("pose", one, one)[0, 0] == 1
    assert agreement.similarity("pose", one, other)[0, 0] < 0.01
