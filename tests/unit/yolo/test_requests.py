"""TorchServe's items and headers, and the body that goes back."""

from __future__ import annotations

import pytest

from tests.unit.yolo.samples import metadata
from yolo import requests
from yolo.errors import ImageTooLarge, InvalidImage, InvalidParameter, MissingImage, UnsupportedImage
from yolo.pipeline import Outcome


@pytest.mark.parametrize("name", ["body", "data", "file", "image"])
def test_the_picture_is_found_under_every_name(name: str) -> None:
    assert requests.image({name: bytearray(b"x"), "conf": b"0.5"}) == b"x"


def test_an_empty_body_is_an_image_that_is_empty_and_not_a_missing_one() -> None:
    assert requests.image({"body": b""}) == b""


@pytest.mark.parametrize("item", [{}, {"conf": "0.5"}, {"photo": b"x"}, {"body": None}], ids=str)
def test_a_request_without_a_picture_says_how_to_send_one(item: dict[str, object]) -> None:
    with pytest.raises(MissingImage, match="raw body"):
        requests.image(item)


@pytest.mark.parametrize("value", [{"image": "base64"}, [1, 2], 3], ids=str)
def test_a_json_body_says_to_send_the_bytes(value: object) -> None:
    with pytest.raises(InvalidImage, match="JSON"):
        requests.image({"body": value})


def test_text_is_handed_on_and_refused_as_what_it_is() -> None:
    assert requests.image({"body": "hello"}) == b"hello"


class Headers:
    """The part of TorchServe's context that carries request ids."""

    def __init__(self, headers: dict[str, str], request_id: str | None = "torchserve-id") -> None:
        self.headers, self.request_id = headers, request_id

    def get_all_request_header(self, _: int) -> dict[str, str]:
        return self.headers

    def get_request_id(self, _: int) -> str | None:
        return self.request_id


@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-Request-Id"])
def test_the_request_id_of_the_caller_is_found_whatever_its_case(name: str) -> None:
    assert requests.identifier(Headers({"Accept": "*/*", name: "abc"}), 0) == "abc"


def test_without_one_the_id_is_that_of_torchserve() -> None:
    assert requests.identifier(Headers({}), 0) == "torchserve-id"
    assert requests.identifier(Headers({}, None), 0) == ""


def test_an_endless_request_id_is_cut() -> None:
    assert len(requests.identifier(Headers({"X-Request-ID": "x" * 9999}), 0)) == 128


def test_the_answer_is_a_list_with_one_entry_and_boxes_first() -> None:
    outcome = Outcome({"boxes": []}, size=(8, 6), timings={"total": 1.0})
    (entry,) = requests.answer(outcome, metadata(), "yolo")
    assert list(entry) == ["boxes", "task", "image", "model", "timings_ms"]
    assert entry["image"] == {"width": 8, "height": 6}
    assert entry["model"] == {"name": "yolo", "version": "1.0"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidImage("x"), 400),
        (MissingImage("x"), 400),
        (InvalidParameter("x"), 400),
        (ImageTooLarge("x"), 413),
        (UnsupportedImage("x"), 415),
    ],
    ids=repr,
)
def test_every_error_has_its_status_and_its_name_in_the_body(error: InvalidImage, status: int) -> None:
    assert error.body() == {"code": status, "type": type(error).__name__, "message": "x"}
