import pytest

from benchmarks.contestants import parity


def box(x=0.0, conf=0.9, cls=0, size=100.0):
    return {"xyxy": [x, 0.0, x + size, size], "conf": conf, "cls": cls}


def test_the_overlap_of_boxes():
    assert parity.iou([0, 0, 10, 10], [0, 0, 10, 10]) == 1.0
    assert parity.iou([0, 0, 10, 10], [5, 0, 15, 10]) == pytest.approx(1 / 3)
    assert parity.iou([0, 0, 10, 10], [20, 0, 30, 10]) == 0.0


def test_empty_boxes_overlap_nothing():
    assert parity.iou([5, 5, 5, 5], [5, 5, 5, 5]) == 0.0


def test_the_same_boxes_in_another_order_are_exact():
    found = parity.compare([[box(0), box(200)]], [[box(200), box(0)]], 0.25)
    assert found.exact
    assert found.usable


def test_no_boxes_on_either_side_are_exact():
    assert parity.compare([[]], [[]], 0.25).exact


def test_a_box_is_matched_once():
    found = parity.compare([[box(0)]], [[box(0), box(1)]], 0.25)
    assert (found.expected, found.found, found.matched) == (1, 2, 1)
    assert not found.exact


def test_the_best_overlap_is_matched_first():
    assert parity.match([box(0), box(10)], [box(10), box(0)], 0.5) == [(1, 0), (0, 1)]


def test_boxes_of_different_classes_do_not_match():
    assert parity.compare([[box(cls=1)]], [[box(cls=2)]], 0.25).loose == 0


def test_a_confidence_off_by_more_than_a_hundredth_matches_loosely_only():
    found = parity.compare([[box(conf=0.9)]], [[box(conf=0.88)]], 0.25)
    assert (found.matched, found.loose) == (0, 1)
    assert found.conf == pytest.approx(0.02)


def test_a_moved_box_matches_loosely_and_reports_the_distance_in_pixels():
    found = parity.compare([[box(0)]], [[box(10)]], 0.25)
    assert (found.matched, found.loose, found.pixels) == (0, 1, 10.0)


def test_a_box_near_the_threshold_that_only_one_side_has_is_not_counted():
    assert parity.compare([[box(), box(500, conf=0.253)]], [[box()]], 0.25).exact
    assert parity.compare([[box()]], [[box(), box(500, conf=0.251)]], 0.25).exact
    assert not parity.compare([[box(), box(500, conf=0.27)]], [[box()]], 0.25).exact


def test_a_model_that_misses_a_fifth_of_the_boxes_is_not_timed():
    expected = [[box(x) for x in range(0, 2000, 200)]]
    assert parity.compare(expected, [expected[0][:9]], 0.25).usable
    assert not parity.compare(expected, [expected[0][:8]], 0.25).usable


def test_answers_under_load_are_compared_with_those_to_single_requests():
    alone = [[box(0)], [box(0), box(200)]]
    assert parity.count_different(alone, {0: [box(0)], 1: [box(0), box(200)]}) == 0
    assert parity.count_different(alone, {0: [box(300)], 1: [box(0)]}) == 2


def test_parity_reads_as_a_sentence():
    assert str(parity.compare([[box(0)]], [[box(0)]], 0.25)) == "1 of 1 boxes equal"
    assert str(parity.compare([[box(0)]], [[box(10)]], 0.25)).startswith("0 of 1 boxes equal (1 found, 1 at IoU .5")
