"""What goes wrong is said in the gateway's words, and the next image gets its boxes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from gateway.model_server.readiness import REUSE_S
from tests.browser.answers import FOUND, PERSON, answer
from tests.browser.conftest import Open, grey_png
from tests.gateway.support.fake_torchserve import FakeTorchServe, torchserve_error
from tests.support.endpoints import HTTP

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"no image\n"),
        ("phone.heic", HEIC),
        ("cut.png", grey_png(80, 60)[:20]),
        ("empty.jpg", b""),
    ],
)
def test_a_refused_file_is_explained_in_the_gateway_s_words(
    visit: Open, two: FakeTorchServe, grey: Path, name: str, content: bytes
) -> None:
    page = visit()
    answer = HTTP.post(f"{page.url}/predict", files={"file": (name, content)})
    assert answer.status_code in (400, 415)
    error = answer.json()["error"]
    page.drop(name, content, "image/heic")
    notice = page["#notice"]
    expect(notice).to_contain_text(error["message"])
    expect(notice).to_contain_text(f"{answer.status_code} {error['code']} · request ")
    assert len(notice.locator("code").inner_text()) == 32, "the request id"
    expect(page["#found"]).to_be_hidden()
    expect(page["#download"]).to_be_disabled()
    page.expect_complaints(str(answer.status_code))
    page.choose(grey)
    page.headline(FOUND)
    expect(notice).to_be_empty()


def test_a_picture_beyond_the_limit_is_explained(visit: Open, two: FakeTorchServe) -> None:
    page = visit()
    page.drop("huge.png", grey_png(80, 60) + bytes(6_000_000))
    expect(page["#notice"]).to_contain_text("The body is larger than 4000000 bytes (3.8 MiB)")
    expect(page["#notice"]).to_contain_text("413 body_too_large")
    page.expect_complaints("413")


def test_a_failing_model_server_is_told_and_asked_again_by_hand(visit: Open, fake: FakeTorchServe, grey: Path) -> None:
    page = visit()
    fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "queue is full")
    page.choose(grey)
    expect(page["#notice"]).to_contain_text("503 overloaded · try again in 1 s · request ")
    page.expect_complaints("503")
    fake.predict = lambda asked: answer(PERSON)
    page["#notice"].get_by_role("button", name="Try again").click()
    page.headline("1 object: 1 person")


def test_readiness_is_shown_and_followed(visit: Open, fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": []}
    time.sleep(REUSE_S)
    page = visit()
    expect(page["#health"]).to_have_attribute("data-state", "waiting")
    expect(page["#health-text"]).to_contain_text("The model is not ready")
    fake.workers = {"1.0": ["READY"]}
    expect(page["#health"]).to_have_attribute("data-state", "ready")
    expect(page["#health"]).to_have_text("yolo 1.0ready")
    page.expect_complaints("503")


def test_a_gateway_that_is_gone_is_told(visit: Open, two: FakeTorchServe, grey: Path) -> None:
    page = visit()
    page.choose(grey)
    page.headline(FOUND)
    page.page.context.set_offline(True)
    page.slide("conf", 0.5)
    expect(page["#notice"]).to_contain_text("The connection broke before an answer came")
    page.expect_complaints("ERR_INTERNET_DISCONNECTED")
    page.page.context.set_offline(False)
    page["#notice"].get_by_role("button", name="Try again").click()
    page.headline(FOUND)


def test_a_format_that_the_browser_cannot_show_gets_its_boxes_on_a_sheet(
    visit: Open, two: FakeTorchServe, tmp_path: Path
) -> None:
    (tmp_path / "scan.ppm").write_bytes(b"P6\n80 60\n255\n" + bytes(80 * 60 * 3))
    page = visit()
    page.choose(tmp_path / "scan.ppm")
    page.headline(FOUND)
    expect(page["#note"]).to_contain_text("cannot display this format")
    expect(page["#download"]).to_be_disabled()
    assert page.frame()["width"] / page.frame()["height"] == pytest.approx(800 / 600, abs=0.01)


def test_names_from_files_and_models_are_text_and_never_markup(visit: Open, fake: FakeTorchServe) -> None:
    evil = "<img src=x onerror=alert(1)>"
    fake.predict = lambda asked: answer({**PERSON, "name": evil})
    page = visit()
    page.drop(f"{evil}.png", grey_png(80, 60))
    page.headline(f"1 object: 1 {evil}")
    expect(page["#name"]).to_contain_text(evil)
    expect(page["#objects li span"]).to_have_text(evil)
    assert page["img[src=x]"].count() == 0


def test_the_progress_of_a_large_upload_is_shown(visit: Open, two: FakeTorchServe) -> None:
    page = visit()
    session = page.page.context.new_cdp_session(page.page)
    session.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_500_000}
    session.send("Network.emulateNetworkConditions", conditions)
    page.drop("large.png", grey_png(80, 60) + bytes(3_000_000))
    expect(page["#headline"]).to_contain_text("Sending ")
    page.headline(FOUND)


def test_of_two_pictures_in_a_hurry_the_later_one_is_shown(visit: Open, two: FakeTorchServe) -> None:
    page = visit()
    page.drop("first.png", grey_png(80, 60) + bytes(2_000_000))
    page.drop("second.png", grey_png(80, 60))
    page.headline(FOUND)
    expect(page["#name"]).to_contain_text("second.png")
    assert two.predictions[-1].body == grey_png(80, 60)
