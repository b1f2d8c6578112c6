"""What one request may ask for."""

from __future__ import annotations

import pytest

from tests.support.class_lists import MEANT, NAMES
from tests.unit.yolo.samples import metadata
from yolo import parameters
from yolo.errors import InvalidParameter
from yolo.metadata import Thresholds
from yolo.parameters import Parameters


def test_a_request_that_asks_for_nothing_gets_the_defaults_of_the_archive() -> None:
    model = metadata(thresholds=Thresholds(conf=0.4, iou=0.5, max_det=20))
    assert parameters.parse({"body": b"..."}, model) == Parameters(0.4, 0.5, 20, None, False, (64, 64))


@pytest.mark.parametrize("kind", [str, lambda text: text.encode(), lambda text: bytearray(text.encode())])
def test_values_may_be_text_or_bytes(kind: type) -> None:
    fields = {"conf": "0.5", "iou": "1", "max_det": "7", "classes": "bus", "agnostic_nms": "true", "imgsz": "96"}
    found = parameters.parse({name: kind(text) for name, text in fields.items()}, metadata())
    assert found == Parameters(0.5, 1.0, 7, (1,), True, (96, 96))


def test_numbers_that_came_as_json_are_taken() -> None:
    found = parameters.parse({"conf": 0.5, "max_det": 3, "agnostic_nms": True}, metadata())
    assert (found.conf, found.max_det, found.agnostic_nms) == (0.5, 3, True)


@pytest.mark.parametrize("name", ["conf", "iou"])
@pytest.mark.parametrize("text", ["-0.01", "1.01", "2", "nan", "inf", "-inf", "abc", "0,5", "1e400"])
def test_a_fraction_outside_its_bounds_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{name} must be a number from 0 to 1"):
        parameters.parse({name: text}, metadata())


@pytest.mark.parametrize("text", ["0", "1", "0.0", " 0.25 ", "1e-3", ".5"])
def test_a_fraction_within_its_bounds_is_taken(text: str) -> None:
    assert parameters.parse({"conf": text}, metadata()).conf == float(text)


@pytest.mark.parametrize("text", ["0", "3001", "-1", "1.5", "ten", "٣", "9" * 5000])
def test_max_det_outside_its_bounds_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="max_det"):
        parameters.parse({"max_det": text}, metadata())


@pytest.mark.parametrize(("text", "side"), [("32", 32), ("33", 64), ("64", 64), ("500", 512), ("2048", 2048)])
def test_imgsz_is_rounded_up_to_the_stride(text: str, side: int) -> None:
    assert parameters.parse({"imgsz": text}, metadata()).imgsz == (side, side)


@pytest.mark.parametrize("text", ["31", "2049", "640x480"])
def test_imgsz_outside_its_bounds_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="imgsz must be a whole number from 32 to 2048"):
        parameters.parse({"imgsz": text}, metadata())


@pytest.mark.parametrize(
    ("text", "ids"),
    [("0", (0,)), ("2,0", (0, 2)), ("person", (0,)), ("Stop Sign , 0", (0, 2)), ("bus,1,BUS", (1,)), ("0,", (0,))],
)
def test_classes_are_ids_or_names_in_any_mixture(text: str, ids: tuple[int, ...]) -> None:
    assert parameters.parse({"classes": text}, metadata()).classes == ids


@pytest.mark.parametrize(("text", "ids"), [*MEANT, ("light, red,A", set())])
def test_an_id_comes_before_a_name_and_exact_spelling_before_any_case(text: str, ids: set[int]) -> None:
    model = metadata(names=NAMES)
    if not ids:
        with pytest.raises(InvalidParameter, match="not a class of this model"):
            parameters.parse({"classes": text}, model)
    else:
        assert parameters.parse({"classes": text}, model).classes == tuple(sorted(ids))


def test_a_model_without_the_id_may_have_a_class_of_that_number() -> None:
    assert parameters.parse({"classes": "5"}, metadata(names={0: "4", 1: "5"})).classes == (1,)


def test_a_list_of_a_thousand_brackets_is_a_name_that_no_class_has() -> None:
    with pytest.raises(InvalidParameter, match="not a class"):
        parameters.parse({"classes": "[" * 4000}, metadata())


@pytest.mark.parametrize("text", ["3", "-1", "car", ",", "person;bus"])
def test_a_class_the_model_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="classes"):
        parameters.parse({"classes": text}, metadata())


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("YES", True), ("false", False), ("0", False)]
)
def test_a_boolean_is_read_as_people_write_it(text: str, value: bool) -> None:
    assert parameters.parse({"agnostic_nms": text}, metadata()).agnostic_nms is value


def test_a_box_has_its_best_class_only_unless_more_are_asked_for() -> None:
    assert not parameters.parse({}, metadata()).multi_label
    assert parameters.parse({"multi_label": "true"}, metadata()).multi_label


def test_what_is_no_boolean_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="true or false"):
        parameters.parse({"agnostic_nms": "maybe"}, metadata())


def test_an_empty_value_takes_the_default() -> None:
    assert parameters.parse({"conf": "", "classes": " "}, metadata()) == parameters.parse({}, metadata())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="conf is not text"):
        parameters.parse({"conf": b"\xff\xfe"}, metadata())


def test_a_value_as_long_as_a_file_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="longer than"):
        parameters.parse({"classes": b"0," * 10_000}, metadata())


def test_a_message_shows_the_value_shortened_and_without_control_characters() -> None:
    with pytest.raises(InvalidParameter) as caught:
        parameters.parse({"conf": "\x1b[31m" + "x" * 200}, metadata())
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_fields_that_are_no_parameters_are_ignored() -> None:
    assert parameters.parse({"body": b"\xff\xd8", "submit": "Go"}, metadata()) == parameters.parse({}, metadata())
