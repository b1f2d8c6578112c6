"""The client of TorchServe's Unix sockets, against a server that answers what TorchServe 0.12 does."""

import asyncio
import http.server
import json
import socketserver
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import server_process
from idle import IdleModels, Limits
from torchserve_api import FAILED, TorchServe, Version

DESCRIPTION = [
    {
        "modelName": "helmets",
        "modelVersion": "1.0",
        "minWorkers": 2,
        "workers": [{"id": "9000", "status": "READY", "pid": 7}, {"id": "9001", "status": "UNLOADING", "pid": 8}],
        "jobQueueStatus": {"remainingCapacity": 98, "pendingRequests": 2},
    }
]
METRICS = """\
# TYPE ts_inference_requests_total counter
ts_inference_requests_total{model_name="seg",model_version="default",hostname="vm",} 5.0
ts_inference_requests_total{model_name="seg",model_version="1.0",hostname="vm",} 2.0
ts_inference_latency_microseconds{model_name="seg",model_version="default",hostname="vm",} 1.7226711167E7
ts_queue_latency_microseconds{model_name="seg",model_version="default",hostname="vm",} 1392.277
Requests2XX{Level="Host",Hostname="vm",} 175.0
"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        found = self.server.answers.get(self.path)
        body = found.encode() if isinstance(found, str) else json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self.do_GET()

    def log_message(self, *words):
        pass


@pytest.fixture
def sockets():
    """A server on one socket, for both APIs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "api.sock"
        with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
            server.asked, server.path = [], path
            server.answers = {"/models/helmets/all": DESCRIPTION, "/metrics": METRICS}
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server
            server.shutdown()


def test_versions_counters_and_workers(sockets):
    server = TorchServe(sockets.path, sockets.path)
    assert server.versions("helmets") == [Version("1.0", 2, frozenset([7, 8]), settled=False, pending=2)]
    assert server.versions("absent") == []
    assert server.activity() == {"seg": (5.0, 2.0, 1.7226711167e7)}
    target = "/models/helmets/1.0?min_worker=0&max_worker=0"
    sockets.answers[target] = {"status": "Processing worker updates..."}
    server.scale("helmets", "1.0", 0)
    assert sockets.asked[-1] == f"PUT {target}"


def test_a_server_that_does_not_answer_as_it_should_is_a_failure_of_one_look(sockets, tmp_path):
    server = TorchServe(sockets.path, sockets.path)
    for answer in ("{", [{}], [5], {"a": 1}):
        sockets.answers["/models/helmets/all"] = answer
        with pytest.raises(FAILED):
            server.versions("helmets")
    with pytest.raises(FAILED):
        server.scale("helmets", "1.0", 0)
    with pytest.raises(FAILED):
        TorchServe(tmp_path / "none", tmp_path / "none").activity()


def test_a_look_that_fails_is_not_the_last_one_and_looking_ends_with_the_server(sockets, tmp_path, monkeypatch):
    """As a job of the process that runs Java: here of one that ends after a second."""
    del sockets.answers["/metrics"]
    models = IdleModels(TorchServe(sockets.path, sockets.path), tmp_path, {"helmets": Limits(60, 1)})

    async def job():
        await models.run(0.05)

    def repair():
        sockets.answers["/metrics"] = METRICS

    threading.Timer(0.4, repair).start()
    argv = [sys.executable, "-c", "import time; time.sleep(1)"]
    assert server_process.run(argv, {}, tmp_path, {}, "", [job]) == 0
    assert sockets.asked.count("GET /metrics") > 3
    assert "GET /models/helmets/all" in sockets.asked
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
