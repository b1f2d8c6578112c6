import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ops import predict
from ops.errors import KeyNeededError, OpsError


def test_detections_are_shown_one_a_line_with_their_box_in_pixels():
    body = {"detections": [{"class": "bus", "confidence": 0.8791, "bbox": [23.1, 232, 806.4, 757]}]}
    assert predict.table(body) == ["  bus            0.879  [   23.1,   232.0,   806.4,   757.0]"]


def test_an_answer_without_detections_says_so():
    assert predict.table({"detections": []}) == ["  nothing found above the confidence threshold"]


def test_a_gateway_that_is_not_there_is_named_with_the_command_that_starts_it(tmp_path):
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with pytest.raises(OpsError, match=r"scripts/up\.sh"):
        predict.ask("http://127.0.0.1:9", picture)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OpsError, match=r"absent\.jpg"):
        predict.ask("http://127.0.0.1:9", tmp_path / "absent.jpg")


def test_a_gateway_that_asks_for_a_key_gets_the_given_one_and_says_how_to_give_it(tmp_path, monkeypatch):
    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200 if self.headers["X-API-Key"] == "right" else 401)
            self.end_headers()
            self.wfile.write(b'{"error": {"message": "A key is needed."}}')

        def log_message(self, *_):
            pass

    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.delenv("YOLO_API_KEY", raising=False)
        with pytest.raises(KeyNeededError, match=r"A key is needed\. .*YOLO_API_KEY"):
            predict.ask(url, picture)
        monkeypatch.setenv("YOLO_API_KEY", "right")
        predict.ask(url, picture)
        server.shutdown()
