"""A trained model, on real pictures and on extreme ones: the boxes that Ultralytics finds, through the whole path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from PIL import Image

from tests.support import assert_street_coco
from tests.unit.parity.compare import assert_same, theirs
from tests.unit.parity.conftest import Served
from tests.unit.parity.pictures import EXTREMES, png


@pytest.fixture(scope="module")
def coco(serve: Callable[..., Served], coco_weights: Path) -> Served:
    return serve(coco_weights)


def test_photographs_have_the_boxes_of_the_reference(coco: Served, photos: list[Path]) -> None:
    found = 0
    for photo in photos:
        boxes = coco.predict(photo.read_bytes())["boxes"]
        found += len(assert_same(boxes, theirs(coco.reference(cv2.imread(str(photo))))))
    assert found > 20, "too few boxes to have compared anything"


def test_the_sample_pictures_have_the_boxes_of_the_reference(coco: Served, assets: list[Path]) -> None:
    for asset in assets:
        assert_same(coco.predict(asset.read_bytes())["boxes"], theirs(coco.reference(cv2.imread(str(asset)))))


def test_the_street_has_its_bus_and_three_people(coco: Served, street: Path) -> None:
    boxes = coco.predict(street.read_bytes())["boxes"]
    assert_street_coco([(box["name"], box["conf"], box["xyxy"]) for box in boxes])


def test_a_grey_jpeg_has_the_boxes_of_the_reference(coco: Served, street: Path, tmp_path: Path) -> None:
    path = tmp_path / "grey.jpg"
    with Image.open(street) as picture:
        picture.convert("L").save(path)
    boxes = coco.predict(path.read_bytes())["boxes"]
    assert len(assert_same(boxes, theirs(coco.reference(cv2.imread(str(path)))))) >= 4


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_pictures_have_the_boxes_of_the_reference(coco: Served, name: str) -> None:
    picture = EXTREMES[name]
    for conf in (0.25, 0.01):
        boxes = coco.predict(png(picture), conf=str(conf))["boxes"]
        assert_same(boxes, theirs(coco.reference(picture, conf=conf)), conf)


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"conf": "0.1"}, {"conf": 0.1}),
        ({"iou": "0.2"}, {"iou": 0.2}),
        ({"conf": "0.05", "max_det": "4"}, {"conf": 0.05, "max_det": 4}),
        ({"classes": "person"}, {"classes": [0]}),
        ({"conf": "0.05", "classes": "0,5", "iou": "0.4"}, {"conf": 0.05, "classes": [0, 5], "iou": 0.4}),
        ({"conf": "0.05", "agnostic_nms": "true", "iou": "0.3"}, {"conf": 0.05, "agnostic_nms": True, "iou": 0.3}),
        ({"imgsz": "320"}, {"imgsz": 320}),
        ({"imgsz": "500"}, {"imgsz": 500}),
        ({"imgsz": "1280"}, {"imgsz": 1280}),
    ],
    ids=str,
)
def test_every_parameter_means_what_it_means_to_ultralytics(
    coco: Served, assets: list[Path], fields: dict[str, str], arguments: dict[str, object]
) -> None:
    for asset in assets:
        boxes = coco.predict(asset.read_bytes(), **fields)["boxes"]
        reference = theirs(coco.reference(cv2.imread(str(asset)), **arguments))
        assert_same(boxes, reference, float(fields.get("conf", "0.25")))
