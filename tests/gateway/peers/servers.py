"""Run real servers of the Open Inference Protocol, each in an environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.gateway.peers.environment import HERE, python_with
from tests.support import free_ports, wait_until
from tests.support.endpoints import HTTP


@contextlib.contextmanager
def mlserver(folder: Path, runtime: str = "mlserver_boxes.Boxes", **environment: str) -> Iterator[str]:
    """Run MLServer with the model yolo, version 1; ``folder`` is an empty one. Yields its URL."""
    shutil.copy(HERE / f"{runtime.partition('.')[0]}.py", folder)
    model = {"name": "yolo", "implementation": runtime, "parameters": {"version": "1"}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    http, grpc, metrics = free_ports(3)
    variables = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_PARALLEL_WORKERS": "0",
        "PYTHONPATH": str(folder),
        **environment,
    }
    argv = [str(python_with("mlserver")), "-m", "mlserver.cli.main", "start", str(folder)]
    with _running(argv, folder, http, variables) as url:
        yield url


@contextlib.contextmanager
def kserve(folder: Path) -> Iterator[str]:
    """Run KServe's ModelServer with the model yolo, which has no versions. Yields its URL."""
    (port,) = free_ports(1)
    argv = [str(python_with("kserve")), str(HERE / "kserve_server.py"), "--port", str(port)]
    with _running(argv, folder, port, {}) as url:
        yield url


@contextlib.contextmanager
def _running(argv: list[str], folder: Path, port: int, variables: dict[str, str]) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:

            def ready() -> bool:
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                try:
                    return HTTP.get(f"{url}/v2/models/yolo/ready").status_code == 200
                except httpx.TransportError:
                    return False

            wait_until(ready, f"{argv[-1]} is ready")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
