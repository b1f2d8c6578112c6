"""Several models: a list to choose from, which is remembered, and who has one sees none of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.answers import DOG, FOUND, PERSON, answer
from tests.browser.conftest import Open
from tests.browser.test_access import PHONE, assert_accessible, assert_no_sideways_scroll
from tests.gateway.support.fake_torchserve import Answer, Asked, FakeTorchServe, asked_model
from tests.support import wait_until
from tests.support.endpoints import HTTP


def plate_reader(asked: Asked) -> Answer:
    """The model `yolo` finds a person and a dog in everything, `plates` a plate."""
    if asked_model(asked) == "yolo":
        return answer(PERSON, DOG)
    return answer({**DOG, "name": "plate"}, model={"name": "plates", "version": "1.0"})


def wait_for(url: str, *names: str) -> None:
    """Wait until the gateway serves these models and no others."""

    def listed() -> bool:
        models = HTTP.get(f"{url}/models").json()["models"]
        return [model["name"] for model in models] == list(names)

    wait_until(listed, f"{names} are served")


@pytest.fixture
def several(servers: tuple[FakeTorchServe, str], fake: FakeTorchServe) -> Iterator[FakeTorchServe]:
    """Serve a second model, and take it away again for the tests that follow."""
    _, url = servers
    fake.others = {"plates": {"1.0": ["READY"]}}
    fake.predict = plate_reader
    wait_for(url, "yolo", "plates")
    yield fake
    fake.others = {}
    wait_for(url, "yolo")


def models_asked(fake: FakeTorchServe) -> list[str]:
    return [asked_model(asked) for asked in fake.predictions]


def test_another_model_is_chosen_asked_and_remembered(visit: Open, several: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    expect(page["#model option"]).to_have_text(["yolo", "plates"])
    expect(page["#model"]).to_have_value("yolo")
    page.slide("conf", 0.3)
    wait_until(lambda: len(several.predictions) == 2, "the slider asked")
    page["#model"].select_option("plates")
    page.headline("1 object: 1 plate")
    assert models_asked(several) == ["yolo", "yolo", "plates"]
    assert several.predictions[-1].query == {"conf": "0.3"}, "the settings stay"

    page.page.reload()
    page.choose(grey)
    page.headline("1 object: 1 plate")
    expect(page["#model"]).to_have_value("plates")
    page["#model"].select_option("yolo")
    page.headline(FOUND)
    assert models_asked(several)[3:] == ["plates", "yolo"]


def test_the_curl_command_names_the_model(visit: Open, several: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    page["#model"].select_option("plates")
    page.headline("1 object: 1 plate")
    page["details:has(#curl) summary"].click()
    command = page["#curl"].inner_text()
    assert f"{page.url}/predict?model=plates" in command
    quiet = command.replace("curl", "curl --silent --noproxy '*'", 1)
    done = subprocess.run(["bash", "-c", quiet], cwd=grey.parent, capture_output=True, text=True, check=True)
    assert [found["class"] for found in json.loads(done.stdout)["detections"]] == ["plate"]


def test_a_remembered_model_that_is_gone_is_not_asked(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.page.evaluate("localStorage.setItem('model', 'plates')")
    page.page.reload()
    with page.page.expect_response("**/models"):
        page.page.reload()
    page.choose(grey)
    page.headline(FOUND)
    expect(page["#model-field"]).to_be_hidden()
    assert models_asked(two)[-1] == "yolo"


def test_a_model_that_is_taken_away_while_the_page_is_open_makes_room_for_the_other(
    visit: Open, several: FakeTorchServe, grey: Path
) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    page["#model"].select_option("plates")
    page.headline("1 object: 1 plate")
    several.others = {}
    wait_for(page.url, "yolo")
    page.slide("conf", 0.4)
    page.headline(FOUND)
    expect(page["#model-field"]).to_be_hidden()
    page.expect_complaints("404")


def test_who_has_one_model_sees_no_list_and_sends_no_name(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    expect(page["#model-field"]).to_be_hidden()
    asked = [address for address in page.requested if "/predict" in address]
    assert asked == [f"{page.url}/predict"]


def test_where_the_models_are_not_told_the_default_one_is_asked(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.page.route("**/models", lambda route: route.fulfill(status=503, json={"status": "error"}))
    page.page.reload()
    page.choose(grey)
    page.headline(FOUND)
    expect(page["#model-field"]).to_be_hidden()
    page.expect_complaints("503")


def test_a_key_is_sent_for_the_list_which_follows_it(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()

    def by_key(route: Route) -> None:
        key = route.request.headers.get("authorization")
        names = ["yolo", "plates"] if key == "Bearer s3cret" else ["yolo"]
        route.fulfill(json={"models": [{"name": name} for name in names]})

    page.page.route("**/models", by_key)
    page.page.reload()
    page.choose(grey)
    page.headline(FOUND)
    expect(page["#model-field"]).to_be_hidden()
    page["#key-open"].click()
    page["#key-value"].fill("s3cret")
    page.page.keyboard.press("Enter")
    expect(page["#model option"]).to_have_text(["yolo", "plates"])


@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
def test_the_list_is_accessible_and_fits(
    visit: Open, several: FakeTorchServe, grey: Path, screen: dict[str, object]
) -> None:
    page = visit(reduced_motion="reduce", **screen)
    page.choose(grey)
    page.headline(FOUND)
    expect(page.page.get_by_label("Model", exact=True)).to_be_visible()
    assert_accessible(page)
    assert_no_sideways_scroll(page)
