"""Sliders, chips, curl, key: what a person changes, and what the gateway is then asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.answers import DOG, FOUND, GREEN, PERSON, RED, answer
from tests.browser.conftest import Open, grey_png
from tests.gateway.support.fake_torchserve import Answer, Asked, FakeTorchServe
from tests.support import wait_until


def test_a_slider_asks_again_once_the_hand_rests(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    two.predict = lambda asked: answer(PERSON)
    page.slide("conf", 0.3, 0.35, 0.4)
    page.headline("1 object: 1 person")
    expect(page["output[for=conf]"]).to_have_text("40 %")
    assert [asked.query for asked in two.predictions] == [{}, {"conf": "0.4"}]
    page.slide("iou", 0.5)
    wait_until(lambda: len(two.predictions) == 3, "the overlap was asked for")
    assert two.predictions[-1].query == {"conf": "0.4", "iou": "0.5"}
    assert two.predictions[-1].body == grey.read_bytes()


def test_the_last_answer_wins_and_the_question_before_it_is_ended(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)

    def slow_then_quick(asked: Asked) -> Answer:
        if asked.query["conf"] == "0.1":
            return Answer(answer(PERSON, PERSON, DOG).body, delay_s=30)
        return answer(DOG)

    two.predict = slow_then_quick
    page.slide("conf", 0.1)
    wait_until(lambda: len(two.predictions) == 2, "the slow question was asked")
    page.slide("conf", 0.2)
    page.headline("1 object: 1 dog")
    wait_until(lambda: two.abandoned == 1, "the slow question was ended")
    assert page.failed == [f"{page.url}/predict?conf=0.1"]


def test_a_raised_confidence_takes_boxes_away_at_once(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    two.predict = lambda asked: Answer(answer(PERSON).body, delay_s=30)
    page.slide("conf", 0.7)
    expect(page["#headline"]).to_have_text("1 object: 1 person")  # long before the gateway says so too
    assert page.extent(GREEN) is None, "the dog's box is gone"
    expect(page["#progress"]).to_be_visible()


def test_number_size_and_defaults_are_asked_for(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    page["#max_det"].fill("7")
    page["#imgsz"].select_option("320")
    wait_until(lambda: two.predictions[-1].query == {"max_det": "7", "imgsz": "320"}, "both were asked for")
    page["#defaults"].click()
    wait_until(lambda: two.predictions[-1].query == {}, "the defaults were asked for")
    expect(page["#max_det"]).to_have_value("")
    expect(page["#defaults"]).to_be_hidden()


def test_chips_hide_and_show_a_class_without_asking_again(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    expect(page[".chip"]).to_have_text(["dog1", "person1"])
    person = page[".chip"].filter(has_text="person")
    person.click()
    expect(person).to_have_attribute("aria-pressed", "false")
    expect(page["#objects li"]).to_have_count(1)
    assert page.extent(RED) is None
    assert page.extent(GREEN) is not None
    page["#all"].click()
    assert page.extent(RED) is not None
    assert len(two.predictions) == 1
    person.click()
    page.drop("other.png", grey_png(400, 300))
    expect(page[".chip[aria-pressed=false]"]).to_have_count(0)


def test_a_row_and_a_box_point_at_each_other(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    frame = page.frame()
    page.page.mouse.move(frame["x"] + frame["width"] * 0.7, frame["y"] + frame["height"] * 0.5)
    expect(page["#objects li[aria-selected=true]"]).to_contain_text("dog")
    assert page.extent(RED) is None, "the other box is faint"
    page["#objects li"].first.hover()
    expect(page["#objects li[aria-selected=true]"]).to_contain_text("person")
    assert page.extent(RED) is not None


@pytest.mark.parametrize("name", ["plain.png", 'it\'s; "odd", $(touch x) `x` \\ é!.png', "-", "-o"])
def test_the_curl_command_does_what_the_page_does(visit: Open, two: FakeTorchServe, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(grey_png(80, 60))
    page = visit()
    page.drop(name, grey_png(80, 60))
    page.headline(FOUND)
    page.slide("conf", 0.33)
    wait_until(lambda: len(two.predictions) == 2, "the slider asked")
    page["details:has(#curl) summary"].click()
    command = page["#curl"].inner_text()
    done = subprocess.run(
        ["bash", "-c", command.replace("curl", "curl --silent --noproxy '*'", 1)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [found["class"] for found in json.loads(done.stdout)["detections"]] == ["person", "dog"]
    assert two.predictions[2].query == two.predictions[1].query == {"conf": "0.33"}
    assert two.predictions[2].body == two.predictions[1].body
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_key_is_asked_for_when_the_gateway_wants_one_and_kept_out_of_sight(
    visit: Open, two: FakeTorchServe, grey: Path
) -> None:
    page = visit()
    sent: list[str | None] = []

    def guard(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        if sent[-1] == "Bearer s3cret":
            route.continue_()
        else:
            error = {"code": "unauthorized", "message": "This needs an API key."}
            body = {"status": "error", "error": error, "request_id": "abc"}
            route.fulfill(status=401, json=body)

    page.page.route("**/predict*", guard)
    expect(page["#key"]).to_be_hidden()
    page.choose(grey)
    expect(page["#key"]).to_contain_text("This needs an API key.")
    page.expect_complaints("401")
    page["#key-value"].fill("s3cret")
    page.page.keyboard.press("Enter")
    page.headline(FOUND)
    assert sent == [None, "Bearer s3cret"]
    expect(page["#notice"]).to_be_empty()
    page["details:has(#curl) summary"].click()
    expect(page["#curl"]).to_contain_text('-H "Authorization: Bearer $API_KEY"')
    kept = page.page.evaluate("[JSON.stringify(localStorage), document.cookie, document.body.innerText].join()")
    assert "s3cret" not in kept
    page.page.reload()
    page.choose(grey)
    page.headline(FOUND)
    page["#key-open"].click()
    page["#key-value"].fill("")
    page["#key-form [type=submit]"].click()
    expect(page["#key"]).to_contain_text("This needs an API key.")
    assert page.page.evaluate("sessionStorage.length") == 0
    page.expect_complaints("401")
