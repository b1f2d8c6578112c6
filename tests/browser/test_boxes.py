"""An image comes in, by every way there is; boxes stand where the JSON says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.answers import DOG, FOUND, GREEN, LEFT_LIMB, PERSON, RED, answer, assert_box
from tests.browser.conftest import Open, grey_png
from tests.gateway.support.fake_torchserve import FakeTorchServe


@pytest.mark.parametrize("density", [1, 2])
def test_boxes_of_a_chosen_picture_stand_where_the_json_says(
    visit: Open, two: FakeTorchServe, grey: Path, density: int
) -> None:
    page = visit(device_scale_factor=density)
    page.choose(grey)
    page.headline(FOUND)
    assert_box(page, RED, PERSON["xyxy"], 800)
    assert_box(page, GREEN, DOG["xyxy"], 800)
    assert page["#overlay"].evaluate("canvas => canvas.width / canvas.clientWidth") == pytest.approx(density, abs=0.01)
    assert two.predictions[0].body == grey.read_bytes()
    assert two.predictions[0].query == {}, "an unchanged control is left to the model"


def test_boxes_follow_when_the_window_changes_its_size(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    page.page.set_viewport_size({"width": 620, "height": 800})
    assert_box(page, RED, PERSON["xyxy"], 800)


def test_a_dropped_picture_gets_its_boxes(visit: Open, two: FakeTorchServe) -> None:
    page = visit()
    page.drop("street.png", grey_png(800, 600))
    page.headline(FOUND)
    assert_box(page, RED, PERSON["xyxy"], 800)
    expect(page["#veil"]).to_be_hidden()
    expect(page["#name"]).to_contain_text("street.png")
    page.drop("other.png", grey_png(400, 300))
    expect(page["#name"]).to_contain_text("other.png")
    page.headline(FOUND)


def test_a_pasted_picture_gets_its_boxes_and_other_pastes_are_explained(visit: Open, two: FakeTorchServe) -> None:
    page = visit()
    page.paste("", b"")
    expect(page["#notice"]).to_contain_text("no image on the clipboard")
    page.paste("image.png", grey_png(800, 600))
    page.headline(FOUND)
    assert_box(page, RED, PERSON["xyxy"], 800)
    expect(page["#notice"]).to_be_empty()


def test_a_photograph_of_the_camera_gets_its_boxes(visit: Open, two: FakeTorchServe) -> None:
    page = visit(permissions=["camera"])
    page["#welcome [data-camera]"].click()
    expect(page["#shoot"]).to_be_enabled()
    page["#shoot"].click()
    page.headline(FOUND)
    expect(page["#name"]).to_contain_text("camera.jpg")
    assert two.predictions[0].body.startswith(b"\xff\xd8")
    assert page["#video"].evaluate("video => video.srcObject") is None, "the camera is let go"


def test_a_picture_lying_on_its_side_gets_its_boxes_where_they_are_upright(
    visit: Open, fake: FakeTorchServe, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 600), (128, 128, 128)).save(tmp_path / "phone.jpg", exif=exif)
    upright = {**PERSON, "xyxy": [50.0, 300.0, 500.0, 780.0]}
    fake.predict = lambda asked: answer(upright, size=(600, 800))
    page = visit()
    page.choose(tmp_path / "phone.jpg")
    page.headline("1 object: 1 person")
    assert page.frame()["width"] / page.frame()["height"] == pytest.approx(0.75, abs=0.01)
    assert_box(page, RED, upright["xyxy"], 600)


def test_nothing_found_is_said(visit: Open, fake: FakeTorchServe, grey: Path) -> None:
    fake.predict = lambda asked: answer()
    page = visit()
    page.choose(grey)
    page.headline("Nothing found. A lower confidence may show more.")
    expect(page["#found"]).to_be_hidden()


def test_masks_keypoints_turned_boxes_and_classes_are_shown(visit: Open, fake: FakeTorchServe, grey: Path) -> None:
    page = visit()
    fake.predict = lambda asked: answer(
        PERSON, task="segment", masks=[[[[100, 150], [300, 150], [300, 500], [100, 500]]]]
    )
    page.choose(grey)
    page.headline("1 object: 1 person")
    red, green, _ = page.pixel(200, 300, of_width=800)
    assert 160 < red < 200, "the mask is a veil over the grey"
    assert 90 < green < 125

    points = [[200.0, 150.0 + 20 * number, 0.9] for number in range(16)] + [[790.0, 590.0, 0.1]]
    fake.predict = lambda asked: answer(PERSON, task="pose", keypoints=[points])
    page.choose(grey)
    page.headline("1 object: 1 person")
    seen = page.extent("#ffffff")
    assert seen is not None, "joints are seen"
    assert seen[2] < 700, "unsure ones are not"
    assert page.extent(LEFT_LIMB) is not None

    diamond = [[400, 100], [600, 300], [400, 500], [200, 300]]
    hull = {**PERSON, "xyxy": [200.0, 100.0, 600.0, 500.0]}
    fake.predict = lambda asked: answer(
        hull, task="obb", obb=[{"xyxyxyxy": diamond, "xywhr": [400, 300, 283, 283, 0.785]}]
    )
    page.choose(grey)
    page.headline("1 object: 1 person")
    assert_box(page, RED, hull["xyxy"], 800)
    assert page.pixel(599, 480, of_width=800) == (128, 128, 128), "the hull itself is not drawn"

    probs = [{"cls": 3, "name": "dog", "conf": 0.8}, {"cls": 0, "name": "person", "conf": 0.1}]
    fake.predict = lambda asked: answer(task="classify", probs=probs)
    page.choose(grey)
    page.headline("Most likely: dog, 80 %")
    expect(page["#objects li"]).to_have_count(2)
    assert page.extent(GREEN) is not None


def test_the_json_the_times_and_the_download_are_those_of_the_answer(
    visit: Open, two: FakeTorchServe, grey: Path, tmp_path: Path
) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.choose(grey)
    page.headline(FOUND)
    page["#json-box summary"].click()
    expect(page["#json"]).to_contain_text("request_id")
    assert json.loads(page["#json"].inner_text())["detections"][0]["bbox"] == PERSON["xyxy"]
    assert '"bbox": [100, 150, 300, 500]' in page["#json"].inner_text()
    page["[data-copy=json]"].click()
    expect(page["[data-copy=json]"]).to_have_text("Copied")
    copied = json.loads(page.page.evaluate("navigator.clipboard.readText()"))
    assert copied["detections"][1]["class"] == "dog"
    expect(page["#times"]).to_contain_text("infer59 ms")
    with page.page.expect_download() as waiting:
        page["#download"].click()
    assert waiting.value.suggested_filename == "grey-detections.jpg"
    waiting.value.save_as(tmp_path / "drawn.jpg")
    drawn = Image.open(tmp_path / "drawn.jpg").convert("RGB")
    assert drawn.size == (800, 600)
    red, green, _ = drawn.getpixel((100, 400))  # on the left edge of the person's box
    assert red > 170 > green
    assert drawn.getpixel((400, 100)) == pytest.approx((128, 128, 128), abs=4)


def test_many_boxes_neither_hide_each_other_s_labels_nor_fill_the_list(
    visit: Open, fake: FakeTorchServe, grey: Path
) -> None:
    crowd = [
        {**PERSON, "xyxy": [x * 20.0, y * 25.0, x * 20.0 + 60, y * 25.0 + 60], "conf": 0.5}
        for x in range(30)
        for y in range(10)
    ]
    fake.predict = lambda asked: answer(*crowd)
    page = visit()
    page.choose(grey)
    page.headline("300 objects: 300 person")
    expect(page["#objects li"]).to_have_count(100)
    expect(page["#more"]).to_have_text("and 200 more in the JSON")
    places = page.page.evaluate(
        """async (boxes) => {
          const {placeLabels} = await import("/static/labels.js");
          return placeLabels(boxes.map((box) => ({box, width: 70, height: 18})), {width: 800, height: 600});
        }""",
        [box["xyxy"] for box in crowd],
    )
    placed = [place for place in places if place]
    assert placed[0]["y"] >= 0
    for at, one in enumerate(placed):
        for other in placed[:at]:
            apart = abs(one["x"] - other["x"]) >= 70 or abs(one["y"] - other["y"]) >= 18
            assert apart, "two labels overlap"
