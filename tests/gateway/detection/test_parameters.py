"""Parameters: from query and form, validated by the gateway, sent on only where given."""

from __future__ import annotations

import httpx
import pytest

from gateway.api.openapi.options import query_parameters
from gateway.api.predict.options import PredictOptions
from gateway.detection.parameters import Parameters, read_options
from gateway.errors import InvalidParameter
from tests.gateway.conftest import assert_error
from tests.gateway.support.fake_torchserve import FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

JPEG = picture("JPEG")


def test_nothing_given_is_nothing_sent() -> None:
    assert read_options(Parameters, []).as_query() == {}


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("conf", "0.25", "0.25"),
        ("conf", "0", "0.0"),
        ("iou", "1", "1.0"),
        ("max_det", "3000", "3000"),
        ("classes", "0,5", "0,5"),
        ("classes", " person , traffic light ", "person,traffic light"),
        ("agnostic_nms", "true", "true"),
        ("agnostic_nms", "0", "false"),
        ("imgsz", "32", "32"),
        ("imgsz", "2048", "2048"),
        ("multi_label", "true", "true"),
    ],
)
def test_a_good_value_is_sent_on(name: str, value: str, sent: str) -> None:
    assert read_options(Parameters, [(name, value)]).as_query() == {name: sent}
    assert read_options(Parameters, [], [(name, value)]).as_query() == {name: sent}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conf", "2"),
        ("conf", "-0.1"),
        ("conf", "nan"),
        ("conf", "inf"),
        ("conf", "high"),
        ("iou", "1.01"),
        ("max_det", "0"),
        ("max_det", "3001"),
        ("max_det", "1.5"),
        ("classes", ","),
        ("classes", "0,,5"),
        ("classes", "person\nbus"),
        ("agnostic_nms", "perhaps"),
        ("imgsz", "31"),
        ("imgsz", "2049"),
        ("confidence", "0.5"),
    ],
)
def test_a_bad_value_or_name_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter, match=name):
        read_options(Parameters, [(name, value)])


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match="known are conf, iou, max_det, classes, agnostic_nms, imgsz"):
        read_options(Parameters, [("threshold", "0.5")])


@pytest.mark.parametrize(
    ("written", "meant"),
    [("confidence", "conf"), ("Conf", "conf"), ("iou_threshold", "iou"), ("clases", "classes"), ("max-det", "max_det")],
)
def test_a_typing_error_is_answered_with_the_nearest_name(written: str, meant: str) -> None:
    with pytest.raises(InvalidParameter, match=rf"'{written}': not a parameter \(did you mean {meant}\?\); known are"):
        read_options(Parameters, [(written, "0.5")])


def test_unknown_names_come_before_doubles_and_the_list_of_known_ones_has_all_of_the_route() -> None:
    with pytest.raises(InvalidParameter, match="'treshold': not a parameter") as refused:
        read_options(PredictOptions, [("conf", "1"), ("conf", "0"), ("treshold", "1"), ("treshold", "2")])
    assert "twice" not in refused.value.message
    known = refused.value.message.partition("known are ")[2].split(", ")
    then = ("then", "then_classes", "then_margin", "then_conf", "then_max")
    own = ("model", "version", *then, "format", "quality", "max_side")
    assert known == ["conf", "iou", "max_det", "classes", "agnostic_nms", "imgsz", "multi_label", *own]


def test_thousands_of_unknown_names_make_a_short_message() -> None:
    with pytest.raises(InvalidParameter, match="and 3992 more") as refused:
        read_options(Parameters, [(f"p{number}" * 20, "1") for number in range(4000)])
    assert len(refused.value.message) < 1500


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_value_is_an_absent_one(empty: str) -> None:
    given = [(name, empty) for name in PredictOptions.model_fields]
    assert read_options(PredictOptions, given) == PredictOptions()
    assert read_options(Parameters, [("conf", empty), ("conf", "0.5"), ("conf", empty)]) == Parameters(conf=0.5)


@pytest.mark.parametrize(
    "names",
    [("classes", "classes"), ("classes[]", "classes[]"), ("classes[0]", "classes[1]"), ("classes", "classes[]")],
)
def test_a_list_may_be_written_as_clients_write_them(names: tuple[str, str]) -> None:
    assert read_options(Parameters, list(zip(names, ("0", "5"), strict=True))).classes == "0,5"


@pytest.mark.parametrize("name", ["conf[]", "classes[a]", "classes[", "classes[][]", "[]"])
def test_other_brackets_are_unknown_names(name: str) -> None:
    with pytest.raises(InvalidParameter, match="not a parameter"):
        read_options(Parameters, [(name, "0")])


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(InvalidParameter, match=r"'conf'.*; 'iou'"):
        read_options(Parameters, [("conf", "2"), ("iou", "3")])


def test_the_same_value_in_query_and_form_is_fine_and_different_ones_are_not() -> None:
    assert read_options(Parameters, [("conf", "0.5")], [("conf", "0.5")]) == Parameters(conf=0.5)
    with pytest.raises(InvalidParameter, match=r"'conf'.*given twice.*'0.5'.*'0.6'"):
        read_options(Parameters, [("conf", "0.5")], [("conf", "0.6")])
    with pytest.raises(InvalidParameter, match="given twice"):
        read_options(Parameters, [("conf", "0.5"), ("conf", "0.6")])


def test_classes_may_be_repeated_as_many_clients_write_lists() -> None:
    assert read_options(Parameters, [("classes", "0"), ("classes", "5"), ("classes", "0")]).classes == "0,5"


def test_openapi_describes_every_parameter_with_its_bounds() -> None:
    described = {entry["name"]: entry["schema"] for entry in query_parameters(Parameters)}
    assert list(described) == list(Parameters.model_fields)
    assert (described["conf"]["minimum"], described["conf"]["maximum"]) == (0, 1)
    assert described["imgsz"]["type"] == "integer"


@pytest.mark.anyio
async def test_conf_2_is_422_from_the_query_and_from_the_form(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    query = await client.post("/predict?conf=2", files={"file": JPEG})
    form = await client.post("/predict", files={"file": JPEG}, data={"conf": "2"})
    for response in (query, form):
        assert_error(response, 422, "invalid_parameter", "'conf'", "less than or equal to 1", "'2'")
    assert fake.predictions == []


@pytest.mark.anyio
async def test_query_and_form_are_merged_on_the_way_to_the_model_server(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    sent = {"iou": "0.5", "classes": "person,traffic light", "agnostic_nms": "true"}
    response = await client.post("/predict?conf=0.4&imgsz=320", files={"file": JPEG}, data=sent)
    assert response.status_code == 200
    assert fake.predictions[0].query == {**sent, "conf": "0.4", "imgsz": "320"}


@pytest.mark.anyio
async def test_what_only_the_model_can_know_comes_back_as_422_too(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: torchserve_error(
        400, "InvalidParameter", "classes: no class 'cat'; there are person, bus"
    )
    response = await client.post("/predict?classes=cat", content=JPEG)
    assert_error(response, 422, "invalid_parameter", "no class 'cat'; there are person, bus")
