import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ops.gateways import readiness


def test_a_gateway_that_does_not_answer_is_not_ready():
    for model in ("yolo", "helmets"):
        gateway = readiness.ask("http://127.0.0.1:9", model)
        assert not gateway
        assert "does not answer" in gateway.message


@pytest.fixture
def gateway():
    """A gateway where `helmets` is ready and `plates` is not, for those with the key."""
    statuses = {"/v2/models/helmets/ready": 200, "/v2/models/plates/ready": 503}

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(statuses.get(self.path, 404) if self.headers["X-API-Key"] == "right" else 401)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_model_of_its_own_is_asked_for_by_its_name(gateway, monkeypatch):
    monkeypatch.setenv("YOLO_API_KEY", "right")
    monkeypatch.delenv("YOLO_API_KEY_FILE", raising=False)
    assert readiness.ask(gateway, "helmets")
    assert readiness.ask(gateway, "plates").message == "the gateway answers 503 for plates"
    monkeypatch.setenv("YOLO_API_KEY", "")
    unknown = readiness.ask(gateway, "plates")
    assert unknown
    assert "not known without a key" in unknown.message
