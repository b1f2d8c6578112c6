"""Every family and task, on random weights: raw head output, selection on equal output, and the whole path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from ultralytics.utils.nms import non_max_suppression

from tests.unit.parity.compare import assert_same, theirs
from tests.unit.parity.conftest import Served
from tests.unit.parity.families import CLASSIFY, DETECT, OBB, POSE, SEGMENT, Family
from tests.unit.parity.pictures import EXTREMES, FEW, png
from yolo import letterbox, parameters, results
from yolo.engines.torch import TorchEngine
from yolo.results import nms

BOXES = DETECT + SEGMENT + POSE + OBB


def busy(served: Served, picture: np.ndarray[Any, Any], candidates: int = 60) -> float:
    """Return the confidence above which the reference has so many candidates: something to compare in any picture."""
    raw = first(served.reference.raw(picture)[1])[0]
    ranked = served.model.end2end or served.model.head == results.RTDETR
    scores = raw[:, 4] if ranked else raw[4 : 4 + served.model.classes].amax(0)
    highest = scores.sort(descending=True).values[:candidates]
    return max(round(float(highest[-1]), 4), 0.001)


def first(outputs: Any) -> Any:
    """Return the tensor that holds the detections, however the model wraps it."""
    while isinstance(outputs, (tuple, list)):
        outputs = outputs[0]
    return outputs


def network_input(served: Served, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the (1, H, W, 3) RGB pixels that the pipeline would infer for a BGR picture."""
    return served.pipeline._fit(picture[..., ::-1], parameters.parse({}, served.model))[1][None]


@pytest.mark.parametrize("member", BOXES + CLASSIFY, ids=str)
def test_both_engines_answer_what_the_model_answers(
    member: Family, family: Callable[[Family], Served], street: Path
) -> None:
    served = family(member)
    fast = TorchEngine(served.folder / "best.pt", served.model.end2end, threads=2)
    for picture in (cv2.imread(str(street)), EXTREMES["641x639"]):
        pixels = network_input(served, picture)
        inputs, outputs = served.reference.raw(picture)
        assert tuple(inputs.shape[2:]) == pixels.shape[1:3]
        expected = first(outputs).numpy()[0]
        for engine in (served.engine, fast):
            found = engine.infer(pixels)[0][0]
            if served.model.end2end:
                found = nms.ranked(found, served.model.classes, 300, agnostic=False)
            assert found.shape == expected.shape
            assert difference(found, expected, served.model.end2end or member.name == "rtdetr") < 1e-3, engine.name


@pytest.mark.parametrize("member", [DETECT[0], SEGMENT[0], CLASSIFY[0]], ids=str)
def test_half_precision_answers_what_single_precision_does(
    member: Family, family: Callable[[Family], Served], street: Path
) -> None:
    # f16 keeps 11 bits, so each of the many layers rounds by up to 0.05 %: on average an output is off by less than
    # 0.5 % of its channel's size, and none by 10 %. (With bf16's 8 bits the average is some eight times that.)
    served = family(member)
    weights, end2end = served.folder / "best.pt", served.model.end2end
    single, half = (TorchEngine(weights, end2end, threads=2, half=chosen) for chosen in (None, True))
    assert (single.precision, half.precision) == ("f32", "f16")
    assert (single.grouped, half.grouped) == (False, False), "whether pictures go together is the device's matter"
    pixels = network_input(served, cv2.imread(str(street)))
    batch = np.concatenate((pixels, pixels[:, ::-1]))
    for rounded, expected in zip(half.infer(batch), single.infer(batch), strict=True):
        assert rounded.dtype == np.float32
        assert rounded.shape == expected.shape
        assert not np.array_equal(rounded, expected), "it was f32 all along"
        size = np.abs(expected).max(axis=(0, *range(2, expected.ndim)), keepdims=True)
        off = np.abs(rounded - expected) / size if expected.ndim > 2 else np.abs(rounded - expected) / expected.max()
        assert off.mean() < 0.005
        assert off.max() < 0.1


def difference(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], ranked: bool) -> float:
    """Return the largest difference of two raw outputs, each channel in proportion to its size.

    Ranked rows may swap where scores all but tie, so those are compared by their scores alone.
    """
    if ranked:
        return float(np.abs(found[:, 4] - expected[:, 4]).max())
    size = np.abs(expected).max(axis=-1, keepdims=True)
    return float((np.abs(found - expected) / size).max())


@pytest.mark.parametrize("member", [member for member in BOXES if member.name != "rtdetr"], ids=str)
def test_on_equal_output_the_selection_is_equal_to_the_last_bit(
    member: Family, family: Callable[[Family], Served], street: Path
) -> None:
    served = family(member)
    picture = cv2.imread(str(street))
    if served.model.end2end:
        raw = TorchEngine(served.folder / "best.pt", True, threads=2).infer(network_input(served, picture))[0][0]
    else:
        raw = first(served.reference.raw(picture)[1]).numpy()[0]
    conf = str(busy(served, picture, 200))
    compared = 0
    for fields in (
        {"conf": conf},
        {"conf": conf, "iou": "0.3", "agnostic_nms": "true"},
        {"conf": "0.001", "classes": "0" if served.model.classes == 1 else "0,2,5,7,9,11,13", "max_det": "17"},
        {"conf": "0", "max_det": "3000"},
        {"conf": "1"},
    ):
        wanted = parameters.parse(fields, served.model)
        selected = results.select(raw.copy(), wanted, served.model)
        expected = expected_selection(served, raw, wanted)
        assert selected.shape == expected.shape, fields
        if served.model.task == "obb":  # the similarity of rotated boxes goes through log and exp
            assert same_share(selected, expected) > 0.98, fields
        else:
            assert np.array_equal(selected, expected), fields
        compared += len(selected)
    assert compared > 50, "too few to have compared anything"


def expected_selection(
    served: Served, raw: np.ndarray[Any, Any], wanted: parameters.Parameters
) -> np.ndarray[Any, Any]:
    """Return what ultralytics selects from the same output; an end-to-end head has ranked it itself."""
    prediction = torch.from_numpy(raw.copy())[None]
    if served.model.end2end:
        head = served.reference.predictor.model.model
        head.set_head_attr(max_det=max(wanted.max_det, 300), agnostic_nms=wanted.agnostic_nms)
        prediction = head.model[-1].postprocess(prediction)
    (expected,) = non_max_suppression(
        prediction,
        wanted.conf,
        wanted.iou,
        classes=list(wanted.classes) if wanted.classes else None,
        agnostic=wanted.agnostic_nms,
        max_det=wanted.max_det,
        nc=served.model.classes,
        rotated=served.model.task == "obb",
        end2end=served.model.end2end,
    )
    return np.asarray(expected.numpy())


def same_share(selected: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """Return the share of rows that are equal, 1 when there are none."""
    return float(np.isclose(selected, expected).all(axis=1).mean()) if len(expected) else 1.0


@pytest.mark.parametrize("member", DETECT, ids=str)
def test_detections_are_those_of_the_reference(
    member: Family, family: Callable[[Family], Served], assets: list[Path]
) -> None:
    served = family(member)
    compared = 0
    for picture in (*(cv2.imread(str(asset)) for asset in assets), *FEW):
        conf = busy(served, picture)
        boxes = served.predict(png(picture), conf=str(conf))["boxes"]
        compared += len(assert_same(boxes, theirs(served.reference(picture, conf=conf)), conf))
    assert compared > 20, "too few to have compared anything"


def placed(geometry_source: tuple[int, int], served: Served) -> letterbox.Geometry:
    return letterbox.fit(geometry_source, served.model.imgsz, served.model.stride)


@pytest.mark.parametrize("member", SEGMENT, ids=str)
def test_masks_cover_what_the_masks_of_the_reference_cover(
    member: Family, family: Callable[[Family], Served], assets: list[Path]
) -> None:
    served = family(member)
    overlaps = []
    for asset in assets:
        picture = cv2.imread(str(asset))
        conf = busy(served, picture)
        answer = served.predict(png(picture), conf=str(conf))
        reference = served.reference(picture, conf=conf)
        assert len(answer["masks"]) == len(answer["boxes"])
        for ours, other in assert_same(answer["boxes"], theirs(reference), conf):
            drawn = painted(answer["masks"][ours], picture.shape[:2])
            contours = ultralytics_polygons(reference.masks.data[other].numpy(), placed(picture.shape[:2], served))
            overlaps.append(iou(drawn, painted(contours, picture.shape[:2])))
    assert len(overlaps) > 3, "too few to have compared anything"
    assert np.median(overlaps) > 0.99
    assert min(overlaps) > 0.9


def ultralytics_polygons(mask: np.ndarray[Any, Any], geometry: letterbox.Geometry) -> list[Any]:
    """Return the outlines of a reference mask, each by itself: Results.masks.xy joins them with bridges."""
    outlines = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    from ultralytics.utils.ops import scale_coords

    return [
        scale_coords(geometry.shape, torch.from_numpy(outline.reshape(-1, 2).astype(np.float32)), geometry.source)
        for outline in outlines
        if len(outline) >= 3
    ]


def painted(polygons: list[Any], shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    canvas = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(canvas, [np.asarray(polygon).round().astype(np.int32) for polygon in polygons], 1)
    return canvas.astype(bool)


def iou(first_mask: np.ndarray[Any, Any], second_mask: np.ndarray[Any, Any]) -> float:
    union = (first_mask | second_mask).sum()
    return 1.0 if not union else float((first_mask & second_mask).sum() / union)


@pytest.mark.parametrize("member", POSE, ids=str)
def test_keypoints_are_those_of_the_reference(
    member: Family, family: Callable[[Family], Served], assets: list[Path]
) -> None:
    served = family(member)
    compared = 0
    for asset in assets:
        picture = cv2.imread(str(asset))
        conf = busy(served, picture)
        answer = served.predict(png(picture), conf=str(conf))
        reference = served.reference(picture, conf=conf)
        for ours, other in assert_same(answer["boxes"], theirs(reference), conf):
            found, expected = np.array(answer["keypoints"][ours]), reference.keypoints.data[other].numpy()
            assert found.shape == expected.shape == (17, 3)
            assert np.abs(found[:, :2] - expected[:, :2]).max() <= 1
            assert np.abs(found[:, 2] - expected[:, 2]).max() <= 0.01
            compared += 1
    assert compared > 3, "too few to have compared anything"


@pytest.mark.parametrize("member", OBB, ids=str)
def test_oriented_boxes_are_those_of_the_reference(
    member: Family, family: Callable[[Family], Served], assets: list[Path]
) -> None:
    served = family(member)
    compared = 0
    for asset in assets:
        picture = cv2.imread(str(asset))
        conf = busy(served, picture)
        answer = served.predict(png(picture), conf=str(conf))
        reference = served.reference(picture, conf=conf)
        for ours, other in assert_same(answer["boxes"], theirs(reference), conf):
            found = answer["obb"][ours]
            assert np.abs(np.array(found["xyxyxyxy"]) - reference.obb.xyxyxyxy[other].numpy()).max() <= 1
            assert np.abs(np.array(found["xywhr"]) - reference.obb.xywhr[other].numpy()).max() <= 1
            assert found["xywhr"][4] == pytest.approx(float(reference.obb.xywhr[other][4]), abs=0.01)
            compared += 1
    assert compared > 3, "too few to have compared anything"


@pytest.mark.parametrize("member", CLASSIFY, ids=str)
def test_the_five_likeliest_classes_are_those_of_the_reference(
    member: Family, family: Callable[[Family], Served], assets: list[Path]
) -> None:
    served = family(member)
    pictures = [*(cv2.imread(str(asset)) for asset in assets), *FEW]
    for picture in pictures:
        answer = served.predict(png(picture))
        probabilities = served.reference(picture).probs
        assert answer["boxes"] == []
        assert [entry["cls"] for entry in answer["probs"]] == probabilities.top5
        assert [entry["conf"] for entry in answer["probs"]] == pytest.approx(probabilities.top5conf.tolist(), abs=1e-3)
