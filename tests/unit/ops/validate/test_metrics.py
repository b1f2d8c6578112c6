"""From answers of the gateway to Ultralytics' metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ops.errors import OpsError
from ops.validate import report
from ops.validate.dataset import Sample
from ops.validate.metrics import Metrics, query
from ops.validate.pictures import Placement

NAMES = {0: "person", 1: "bus", 2: "stop sign"}


def sample(*labels: tuple[float, ...], name: str = "a.jpg") -> Sample:
    """A picture with boxes (class, centre, size) or outlines."""
    outlines = [np.array(label[1:], dtype=np.float32).reshape(-1, 2) for label in labels if len(label) > 5]
    boxes = [label[1:] for label in labels if len(label) == 5] or [(0, 0, 0, 0)] * len(outlines)
    classes = np.array([label[0] for label in labels], dtype=np.float32)
    return Sample(Path(name), classes, np.array(boxes, dtype=np.float32).reshape(-1, 4), outlines)


def answer(*found: tuple[int, float, list[float]]) -> dict:
    """The gateway's, for a picture of 100 × 50 pixels."""
    detections = [{"class_id": number, "confidence": conf, "bbox": box} for number, conf, box in found]
    return {"detections": detections, "image": {"width": 100, "height": 50}}


def test_what_is_found_where_it_is_has_the_best_figures_and_what_is_not_there_costs():
    metrics = Metrics("detect", NAMES)
    both = sample((0, 0.2, 0.4, 0.2, 0.4), (1, 0.7, 0.5, 0.4, 0.6))
    metrics.add(both, answer((0, 0.9, [10, 10, 30, 30]), (1, 0.8, [50, 10, 90, 40])), None)
    metrics.add(sample((0, 0.2, 0.4, 0.2, 0.4), name="b.jpg"), answer(), None)
    found = metrics.result()
    assert (found.total.name, found.total.images, found.total.instances) == ("all", 2, 3)
    assert [(row.name, row.images, row.instances) for row in found.classes] == [("person", 2, 2), ("bus", 1, 1)]
    person, bus = found.classes
    assert bus.map50_95 == pytest.approx(0.995)
    assert person.recall == pytest.approx(0.5)
    assert found.total.map50 == pytest.approx((person.map50 + bus.map50) / 2)


def test_a_box_that_is_a_little_off_counts_at_the_lower_thresholds_only():
    metrics = Metrics("detect", NAMES)
    metrics.add(sample((0, 0.2, 0.4, 0.2, 0.4)), answer((0, 0.9, [10, 10, 30, 26])), None)  # IoU 0.8
    found = metrics.result().total
    assert found.map50 == pytest.approx(0.995)
    assert found.map50_95 == pytest.approx(0.995 * 0.7, abs=0.01)  # 0.5 to 0.8


def test_boxes_are_compared_in_the_pixels_that_were_sent():
    metrics = Metrics("detect", NAMES)
    placed = Placement((200, 100), (16, 32))
    metrics.add(sample((0, 0.2, 0.4, 0.2, 0.4)), answer((0, 0.9, [36, 52, 76, 92])), placed)
    assert metrics.result().total.map50_95 == pytest.approx(0.995)


def test_labels_of_classes_that_the_model_does_not_have_are_ignored():
    metrics = Metrics("detect", {0: "person"})
    metrics.add(sample((0, 0.2, 0.4, 0.2, 0.4), (2, 0.5, 0.5, 0.1, 0.1)), answer((0, 0.9, [10, 10, 30, 30])), None)
    assert metrics.result().total.instances == 1


def test_oriented_boxes_are_compared_with_the_corners_of_their_labels():
    square = (0.1, 0.2, 0.5, 0.2, 0.5, 0.6, 0.1, 0.6)
    metrics = Metrics("obb", NAMES)
    body = answer((1, 0.9, [10, 10, 50, 30]))
    metrics.add(sample((1, *square)), {**body, "obb": [{"xywhr": [30, 20, 40, 20, 0]}]}, None)
    assert metrics.result().total.map50 == pytest.approx(0.995)
    with pytest.raises(OpsError, match=r"a\.jpg: its labels are upright boxes"):
        metrics.add(sample((0, 0.2, 0.4, 0.2, 0.4)), {**answer(), "obb": []}, None)


def test_nothing_measured_is_an_error_and_nothing_found_is_zero():
    metrics = Metrics("detect", NAMES)
    with pytest.raises(OpsError, match="nothing to measure"):
        metrics.result()
    metrics.add(sample((0, 0.2, 0.4, 0.2, 0.4)), answer(), None)
    assert metrics.result().total.map50 == 0


def test_the_parameters_are_those_of_ultralytics_own_validation():
    expected = {"conf": "0.001", "iou": "0.7", "max_det": "300", "multi_label": "true"}
    assert query("detect") == expected
    assert query("pose", 450, 672) == {**expected, "max_det": "450", "imgsz": "672"}
    assert query("obb", 9000) == {**expected, "conf": "0.01", "max_det": "3000"}
    with pytest.raises(OpsError, match="a classify model has no boxes to validate"):
        query("classify")


def test_the_table_is_that_of_ultralytics():
    metrics = Metrics("detect", NAMES)
    both = sample((0, 0.2, 0.4, 0.2, 0.4), (1, 0.7, 0.5, 0.4, 0.6))
    metrics.add(both, answer((0, 0.9, [10, 10, 30, 30]), (1, 0.8, [50, 10, 90, 40])), None)
    head, total, person, bus = report.table(metrics.result())
    assert head == "                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95)"
    assert total.split()[:3] == ["all", "1", "2"]
    assert total.split()[5:] == ["0.995", "0.995"]
    assert [person.split()[0], bus.split()[0]] == ["person", "bus"]
    document = report.document(metrics.result(), split="val")
    assert document["all"]["map50"] == pytest.approx(0.995)
    assert [row["name"] for row in document["classes"]] == ["person", "bus"]
