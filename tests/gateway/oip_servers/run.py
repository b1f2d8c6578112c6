"""Install and run the real servers: each in an environment of its own, kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support import cannot_run, free_ports, wait_until

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yolo-serving" / "tests"


def python_with(name: str) -> Path:
    """Return the interpreter of an environment with NAME.txt installed, made now if it is not there."""
    requirements, constraints = HERE / f"{name}.txt", HERE / f"{name}.constraints.txt"
    made_from = hashlib.sha256(platform.python_version().encode())
    for path in (requirements, constraints):
        made_from.update(path.read_bytes())
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{made_from.hexdigest()[:12]}"
    python, stamp = folder / "bin" / "python", folder / "complete"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests at once make it once
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
            done = subprocess.run(
                [*pip, "-r", requirements, "-c", constraints], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                cannot_run(f"{name} cannot be installed from the package index: {done.stderr[-500:]}")
            stamp.touch()
    return python


@contextlib.contextmanager
def mlserver(folder: Path) -> Iterator[str]:
    """Run MLServer with the model yolo, version 1; ``folder`` is an empty one. Yields its URL."""
    shutil.copy(HERE / "mlserver_runtime.py", folder)
    model = {"name": "yolo", "implementation": "mlserver_runtime.Boxes", "parameters": {"version": "1"}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    http, grpc, metrics = free_ports(3)
    variables = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_PARALLEL_WORKERS": "0",
        "PYTHONPATH": str(folder),
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
                    return httpx.get(f"{url}/v2/models/yolo/ready", trust_env=False).status_code == 200
                except httpx.TransportError:
                    return False

            wait_until(ready, f"{argv[-1]} is ready", 60)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
