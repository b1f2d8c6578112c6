"""The detections of COCO weights on the sample photograph of a street."""

from __future__ import annotations

import pytest

# ../shared/weights/README.md: YOLOv8n COCO on bus.jpg, boxes in pixels.
STREET_COCO = [
    ("bus", 0.879, [23, 232, 806, 757]),
    ("person", 0.867, [49, 398, 245, 903]),
    ("person", 0.850, [670, 393, 810, 877]),
    ("person", 0.826, [221, 406, 345, 858]),
]


def assert_street_coco(found: list[tuple[str, float, list[float]]]) -> None:
    """The bus and the three people, within 2 px and 0.01, are the four best detections."""
    for (name, conf, box), (expected, expected_conf, expected_box) in zip(found[:4], STREET_COCO, strict=True):
        assert name == expected
        assert conf == pytest.approx(expected_conf, abs=0.01)
        assert box == pytest.approx(expected_box, abs=2)
