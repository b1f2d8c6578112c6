import httpx
import pytest

from ops.errors import KeyNeededError, OpsError, UsageError
from ops.predict import show
from tests.support.answering import answering


def test_detections_are_shown_one_a_line_with_their_box_in_pixels():
    body = {"detections": [{"class": "bus", "confidence": 0.8791, "bbox": [23.1, 232, 806.4, 757]}]}
    assert show.table(body) == ["  bus            0.879  [   23.1,   232.0,   806.4,   757.0]"]


def test_an_answer_without_detections_says_so():
    assert show.table({"detections": []}) == ["  nothing found above the confidence threshold"]


def test_a_gateway_that_is_not_there_is_named_with_the_command_that_starts_it(tmp_path):
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with pytest.raises(OpsError, match=r"scripts/up\.sh"):
        show.ask("http://127.0.0.1:9", picture)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OpsError, match=r"absent\.jpg"):
        show.ask("http://127.0.0.1:9", tmp_path / "absent.jpg")


def test_a_gateway_that_asks_for_a_key_gets_the_given_one_and_says_how_to_give_it(tmp_path, monkeypatch):
    def gateway(request):
        status = 200 if request.headers.get("X-API-Key") == "right" else 401
        return httpx.Response(status, json={"error": {"message": "A key is needed."}})

    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with answering(gateway) as url:
        monkeypatch.delenv("YOLO_API_KEY", raising=False)
        with pytest.raises(KeyNeededError, match=r"A key is needed\. .*YOLO_API_KEY"):
            show.ask(url, picture)
        monkeypatch.setenv("YOLO_API_KEY", "right")
        show.ask(url, picture)


@pytest.mark.parametrize("body", [b"[]", b'{"detail": "no"}', b'{"error": "no"}'])
@pytest.mark.parametrize("status", [401, 500])
def test_another_program_on_the_port_is_said_to_be_one(tmp_path, status, body):
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with (
        answering(lambda request: httpx.Response(status, content=body)) as url,
        pytest.raises(OpsError, match=f"answers {status}. Is another program on that port"),
    ):
        show.ask(url, picture)


def test_a_proxy_is_never_asked_for_this_machine(tmp_path, monkeypatch):
    assert [show.by_proxy(f"http://{host}:8001") for host in ("127.0.0.1", "[::1]", "localhost")] == [False] * 3
    assert show.by_proxy("https://yolo.example.org")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with (
        answering(lambda request: httpx.Response(501, content=b"no JSON")) as url,
        pytest.raises(OpsError, match="answered no JSON"),
    ):
        show.ask(url, picture)


def test_an_address_that_is_none_is_wrong_usage(tmp_path):
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with pytest.raises(UsageError, match="no address"):
        show.ask("http://a b:x", picture)
