"""How a list of classes is written, and which classes it means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.detection.classes import matching
from gateway.detection.parameters import Parameters, json_fields, read_options
from gateway.errors import InvalidParameter
from tests.support.class_lists import MEANT, NAMES


@pytest.mark.parametrize(("text", "ids"), MEANT)
def test_an_id_comes_before_a_name_and_exact_spelling_before_any_case(text: str, ids: set[int]) -> None:
    assert {index for index, _ in matching(text, NAMES.items())} == ids


def sent(*values: str) -> str | None:
    return read_options(Parameters, [("classes", value) for value in values]).classes


def test_repeated_values_are_sent_on_as_entries_of_their_own() -> None:
    assert sent("light, red") == "light,red"
    assert sent("light, red", "bus") == '["light,red","bus"]'
    assert sent('["light, red", "bus"]') == '["light,red","bus"]'
    assert sent('["person", 5]') == sent("person", "5", "person") == "person,5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["person", 5], "person,5"),
        (["light, red", "bus"], '["light,red","bus"]'),
        (["light, red"], "light,red"),
        ("person,bus", "person,bus"),
    ],
)
def test_a_json_list_is_a_list_of_entries(value: Any, text: str) -> None:
    assert read_options(Parameters, json_fields({"classes": value})).classes == text


@pytest.mark.parametrize("values", [["0,", "5"], ["person\nbus", "car"], ['["a",""]', "b"], ["[]"]])
def test_an_invalid_entry_of_several_is_refused_by_name(values: list[str]) -> None:
    with pytest.raises(InvalidParameter, match="classes"):
        sent(*values)


def test_brackets_without_end_are_refused_or_one_name() -> None:
    with pytest.raises(InvalidParameter, match="classes"):
        sent("[" * 60_000, json.dumps(["a"]))
