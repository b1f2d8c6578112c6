"""What is drawn twice, by the page at / in the browser and by gateway.drawing into an image, looks the same."""

from __future__ import annotations

import json
import math
import re
from itertools import combinations

import pytest

from gateway.api.page.files import FOLDER
from gateway.drawing import marks, strokes, style

CODE = re.compile(r"#[0-9a-f]{6}")


def module(name: str) -> str:
    return (FOLDER / name).read_text()


def number(text: str, name: str) -> float:
    found = re.search(rf"^const {name} = ([\d.]+);", text, re.MULTILINE)
    assert found, f"no constant {name}"
    return float(found[1])


def hexadecimal(colour: style.Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def test_a_class_has_the_same_colour_on_the_page_and_in_the_annotated_picture() -> None:
    table = re.search(r"^const COLOURS = \[(.*?)\];", module("colours.js"), re.MULTILINE | re.DOTALL)
    assert table
    assert tuple(CODE.findall(table[1])) == style.COLOURS
    assert [hexadecimal(style.colour_of(number)) for number in range(40)] == [*style.COLOURS, *style.COLOURS]


def test_the_same_limbs_have_the_same_colours() -> None:
    sides = re.findall(r'\{ colour: "(#[0-9a-f]{6})", limbs: (\[.*\]) \}', module("pose.js"))
    limbs = [((first, second), colour) for colour, pairs in sides for first, second in json.loads(pairs)]
    assert limbs == [(pair, hexadecimal(colour)) for pair, colour in strokes.SKELETON]
    assert number(module("pose.js"), "COCO_POINTS") == strokes.COCO_POINTS


def test_keypoints_are_shown_from_the_same_confidence() -> None:
    assert number(module("pose.js"), "SURE") == marks.VISIBLE


@pytest.mark.parametrize("name", ["FILL", "RIM", "EDGE"])
def test_masks_and_edges_let_as_much_through(name: str) -> None:
    assert number(module("paint.js"), name) == pytest.approx(getattr(strokes, name) / 255, abs=0.005)


def test_a_confidence_is_written_alike() -> None:
    assert "`${Math.round(part * 100)} %`" in module("objects.js")
    assert [style.percent(part) for part in (0.0, 0.254, 0.8912, 1.0)] == ["0 %", "25 %", "89 %", "100 %"]


def test_no_two_colours_are_taken_for_one_another_and_all_are_seen_on_a_dark_page() -> None:
    dark = style.luminance((0x1D, 0x1F, 0x22))  # page.css: --surface
    for one, other in combinations(range(len(style.COLOURS)), 2):
        assert math.dist(oklab(style.colour_of(one)), oklab(style.colour_of(other))) >= 0.1
    for index in range(len(style.COLOURS)):
        assert (style.luminance(style.colour_of(index)) + 0.05) / (dark + 0.05) >= 3  # WCAG 2, for what is no text


def oklab(colour: style.Colour) -> tuple[float, float, float]:
    """Björn Ottosson's space, in which distances are as large as they are seen."""
    parts = [part / 255 for part in colour]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )
