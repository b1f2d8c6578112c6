"""The client of /predict, and what up.sh prints."""

import httpx
import pytest

from ops.errors import KeyNeededError, NotRunningError, OpsError, UsageError
from ops.predict import run, text
from ops.predict.client import connect
from tests.support.answering import answering

BUS = {"class": "bus", "confidence": 0.8791, "bbox": [23.1, 232, 806.4, 757]}
BODY = {"detections": [BUS], "image": {"width": 810, "height": 1080}, "model": {"name": "yolo", "version": "1.0"}}


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "p.jpg"
    path.write_bytes(b"x")
    return path


def test_detections_are_shown_one_a_line_with_their_box_in_pixels():
    assert text.lines("street.jpg", BODY) == [
        "street.jpg (810×1080), model yolo 1.0:",
        "  bus            0.879  [   23.1,   232.0,   806.4,   757.0]",
    ]


def test_an_answer_without_detections_says_so():
    assert text.lines("p", {**BODY, "detections": []})[1:] == ["  nothing found above the confidence threshold"]


def test_the_first_detection_is_printed(picture, capsys):
    with answering(lambda request: httpx.Response(200, json=BODY)) as url:
        text.show(url, picture)
    assert capsys.readouterr().out.startswith("p.jpg (810×1080), model yolo 1.0:\n  bus ")


def test_images_of_predict_yield_to_those_of_clients_that_wait(picture):
    asked = []

    def gateway(request):
        asked.append(request)
        return httpx.Response(200, json=BODY)

    with answering(gateway) as url:
        text.show(url, picture)
    assert [request.headers["priority"] for request in asked] == ["u=5"]


def test_a_gateway_that_is_not_there_is_named_with_the_command_that_starts_it(picture):
    with pytest.raises(NotRunningError, match=r"http://127\.0\.0\.1:9 .*scripts/up\.sh"):
        text.show("http://127.0.0.1:9", picture)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OpsError, match=r"absent\.jpg"):
        text.show("http://127.0.0.1:9", tmp_path / "absent.jpg")


@pytest.mark.parametrize(("status", "code"), [(401, "unauthenticated"), (403, "insufficient_scope")])
def test_a_gateway_that_requires_a_key_gets_the_given_one_and_says_how_to_give_it(picture, monkeypatch, status, code):
    def gateway(request):
        if request.headers.get("X-API-Key") == "right":
            return httpx.Response(200, json=BODY)
        return httpx.Response(status, json={"error": {"code": code, "message": "A key is needed."}})

    with answering(gateway) as url:
        monkeypatch.delenv("YOLO_API_KEY", raising=False)
        with pytest.raises(KeyNeededError, match=r"A key is needed\. .*YOLO_API_KEY"):
            text.show(url, picture)
        monkeypatch.setenv("YOLO_API_KEY", "right")
        text.show(url, picture)


@pytest.mark.parametrize("body", [b"[]", b'{"detail": "no"}', b'{"error": "no"}', b"no JSON"])
@pytest.mark.parametrize("status", [200, 401, 500])
def test_another_program_on_the_port_is_said_to_be_one(picture, status, body):
    with (
        answering(lambda request: httpx.Response(status, content=body)) as url,
        pytest.raises(OpsError, match="Is another program on that port"),
    ):
        text.show(url, picture)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_proxy_is_never_asked_for_this_machine(host):
    assert not connect(f"http://{host}:8001").trust_env
    assert connect("https://yolo.example.org").trust_env


def test_an_invalid_address_of_a_gateway_is_wrong_usage(picture):
    with pytest.raises(UsageError, match="not the address of a gateway"):
        run.run(run.Job([str(picture)], url="http://a b:x"))
