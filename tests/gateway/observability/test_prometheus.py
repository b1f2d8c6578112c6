"""Gateways in front of a fake TorchServe, observed by the real Prometheus and Alertmanager with the project's rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.system.settings import PORTS
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe
from tests.support import copy_tree, free_ports, jpeg
from tests.support.observed import Stack, check, observe

#: What the real one told, with counts that rise at each look.
PAGE = """\
# TYPE ts_inference_requests_total counter
ts_inference_requests_total{{model_name="yolo",model_version="default",hostname="vm",}} {0}
# TYPE ts_queue_latency_microseconds counter
ts_queue_latency_microseconds{{model_name="yolo",model_version="default",hostname="vm",}} {0}
# TYPE ts_inference_latency_microseconds counter
ts_inference_latency_microseconds{{model_name="yolo",model_version="default",hostname="vm",}} {0}
# TYPE QueueTime gauge
QueueTime{{Level="Host",Hostname="vm",}} 1.0
# TYPE yolo_worker_memory_bytes gauge
yolo_worker_memory_bytes{{model="yolo",version="1.0",Hostname="vm",}} 4.0E8
# TYPE yolo_stage_seconds histogram
yolo_stage_seconds_bucket{{model="yolo",version="1.0",stage="infer",Hostname="vm",le="0.1",}} {0}
yolo_stage_seconds_bucket{{model="yolo",version="1.0",stage="infer",Hostname="vm",le="+Inf",}} {0}
yolo_stage_seconds_count{{model="yolo",version="1.0",stage="infer",Hostname="vm",}} {0}
yolo_stage_seconds_sum{{model="yolo",version="1.0",stage="infer",Hostname="vm",}} {0}
"""


@contextmanager
def metrics_port() -> Iterator[int]:
    """TorchServe's metrics port."""

    class Handler(BaseHTTPRequestHandler):
        looks = 0

        def do_GET(self) -> None:
            Handler.looks += 1
            body = PAGE.format(float(Handler.looks)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def named(asked: Asked) -> Answer:
    """Answer as the version that was asked."""
    version = "1.1" if "1.1" in asked.path else "1.0"
    return Answer([{**STREET, "model": {"name": "yolo", "version": version}}])


@pytest.fixture
def stack(_running: tuple[FakeTorchServe, str], fake: FakeTorchServe, tmp_path: Path) -> Iterator[Stack]:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}
    fake.predict = named
    routing = tmp_path / "routing.json"
    canary = {"version": "1.1", "percent": 50.0, "salt": "s"}
    shadow = {"version": "1.1", "percent": 100.0}
    routing.write_text(json.dumps({"schema": 1, "revision": 1, "stable": "1.0", "canary": canary, "shadow": shadow}))
    root = copy_tree(tmp_path / "a checkout", without=("tests/", "benchmarks/", "docs/"))
    (root / ".venv").symlink_to(sys.prefix)
    names = list(PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))

    def script(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, **{name: str(port) for name, port in ports.items()}, **environment}
        return subprocess.run(
            ["bash", *argv], cwd=root, env=variables, capture_output=True, text=True, timeout=120, check=False
        )

    with metrics_port() as port:
        ports["METRICS_PORT"] = port
        yield Stack(root, ports, script, _running[1], _running[1], routing, jpeg(640, 480))


def test_every_expression_has_data_and_an_alert_travels_to_the_webhook_and_back(stack: Stack, tmp_path: Path) -> None:
    with observe(stack, tmp_path) as observed:
        check(observed)
    again = stack.script("scripts/observe.sh", "status")
    assert again.returncode == 1
    assert "prometheus     not running" in again.stdout
