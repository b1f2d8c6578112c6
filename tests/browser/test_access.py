"""The page for every eye, hand and screen: axe-core's rules, the keyboard alone, a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.answers import FOUND, RED
from tests.browser.conftest import Open
from tests.browser.visit import Visit
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.support import wait_until

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}


def assert_accessible(page: Visit) -> None:
    found = Axe().run(page.page)
    broken = [
        (rule["id"], node["html"][:120], node["any"][0]["message"] if node["any"] else "")
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
    assert broken == []


def assert_no_sideways_scroll(page: Visit) -> None:
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
def test_every_state_is_accessible_and_fits(
    visit: Open, two: FakeTorchServe, grey: Path, screen: dict[str, object], scheme: str
) -> None:
    page = visit(color_scheme=scheme, reduced_motion="reduce", **screen)
    expect(page["#health"]).to_have_attribute("data-state", "ready")
    assert_accessible(page)
    assert_no_sideways_scroll(page)
    page.choose(grey)
    page.headline(FOUND)
    page["details:has(#curl) summary"].click()
    page["#json-box summary"].click()
    page[".chip"].first.click()
    assert_accessible(page)
    assert_no_sideways_scroll(page)
    page.drop("notes.txt", b"no image")
    expect(page["#notice"]).not_to_be_empty()
    page.expect_complaints("415")
    assert_accessible(page)
    assert_no_sideways_scroll(page)
    page["#key-open"].click()
    assert_accessible(page)


def test_on_a_phone_the_head_of_the_page_is_one_line(visit: Open) -> None:
    page = visit(**PHONE)
    expect(page["#health"]).to_have_attribute("data-state", "ready")
    title, buttons = page["h1"].bounding_box(), page["header nav"].bounding_box()
    assert title
    assert buttons
    assert buttons["y"] < title["y"] + title["height"]


def test_the_keyboard_alone_is_enough(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    keys = page.page.keyboard
    # Listened for from the start: the browser takes a moment to hand choosers over instead of opening one.
    page.page.on("filechooser", lambda chooser: chooser.set_files(grey))

    def tab_to(selector: str) -> None:
        for _ in range(40):
            keys.press("Tab")
            if page[selector].evaluate("element => element === document.activeElement"):
                return
        pytest.fail(f"the Tab key does not reach {selector}")

    tab_to("#file")
    keys.press("Enter")
    page.headline(FOUND)
    tab_to(".chip >> nth=1")
    keys.press("Space")
    expect(page["#objects li"]).to_have_count(1)
    expect(page[".chip >> nth=1"]).to_be_focused()
    keys.press("Space")
    tab_to("#objects")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    expect(page["#objects li[aria-selected=true]"]).to_contain_text("dog")
    assert page["#objects"].get_attribute("aria-activedescendant") == "object-1"
    assert page.extent(RED) is None, "the other box is faint"
    tab_to("#conf")
    for _ in range(5):
        keys.press("ArrowRight")
    expect(page["output[for=conf]"]).to_have_text("30 %")
    page.headline(FOUND)
    tab_to("#json-box summary")
    keys.press("Enter")
    expect(page["#json"]).to_contain_text('"status": "success"')


def test_what_is_found_is_said_aloud(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    expect(page["[role=status]"]).to_have_text(FOUND)
    expect(page["#overlay"]).to_have_attribute("aria-label", FOUND)


def test_dark_follows_the_system_until_told_otherwise_and_is_remembered(visit: Open) -> None:
    page = visit(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.page.evaluate(ground)
    button = page.page.get_by_role("button", name="Dark appearance")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    light = page.page.evaluate(ground)
    assert light != dark
    expect(button).to_have_attribute("aria-pressed", "false")
    page.page.reload()
    assert page.page.evaluate(ground) == light
    button.click()
    page.page.reload()
    assert page.page.evaluate(ground) == dark
    page.page.emulate_media(color_scheme="light")
    assert page.page.evaluate(ground) == light, "the system is followed again"


def test_nothing_moves_for_those_who_want_no_motion(visit: Open) -> None:
    page = visit(reduced_motion="reduce")
    moving = "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration !== '0s').length"
    assert page.page.evaluate(moving) == 0


def test_over_plain_http_from_another_machine_everything_but_the_camera_works(
    visit: Open, two: FakeTorchServe, grey: Path
) -> None:
    page = visit(lan=True)
    assert page.page.evaluate("[isSecureContext, typeof navigator.clipboard].join()") == "false,undefined"
    expect(page["#welcome [data-camera]"]).to_be_hidden()
    page.choose(grey)
    page.headline(FOUND)
    page["details:has(#curl) summary"].click()
    page["[data-copy=curl]"].click()
    expect(page["[data-copy=curl]"]).to_have_text("Copied")
    expect(page["#curl"]).to_contain_text(page.url)


def test_on_a_phone_without_a_camera_for_pages_the_phone_s_own_camera_is_offered(visit: Open) -> None:
    page = visit(**PHONE)
    captures: list[str | None] = []
    page.page.on("filechooser", lambda chooser: captures.append(chooser.element.get_attribute("capture")))
    page.page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    page.page.reload()
    with page.page.expect_event("filechooser"):
        page["#welcome [data-camera]"].click()
    wait_until(lambda: page.page.wait_for_timeout(10) or captures, "the handler ran", 10)
    assert captures == ["environment"]
