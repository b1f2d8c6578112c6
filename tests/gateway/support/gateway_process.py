"""``python -m gateway`` as a process of its own, for tests that need its sockets and clients that are real programs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import ROOT


def gateway_path(root: Path = ROOT) -> str:
    """Return the PYTHONPATH with which ``python -m gateway`` runs in any folder."""
    return os.pathsep.join(str(root / name) for name in ("api-gateway", "common"))


class Gateway:
    """A running gateway process; ``url`` is known once it has said where it listens.

    The keywords are environment variables; ``root`` and ``python`` are those of another checkout.
    """

    def __init__(self, root: Path = ROOT, python: Path | str = sys.executable, **variables: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": gateway_path(root),
            "GATEWAY_PORT": "0",
            **variables,
        }
        self.process = subprocess.Popen(
            [python, "-W", "error", "-m", "gateway"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert text, self.end()
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    def wait_until(self, message: str) -> dict[str, Any]:
        while (line := self.line())["message"] != message:
            pass
        return line

    def url(self) -> str:
        line = self.wait_until("listening")
        self.wait_until("Application startup complete.")
        return f"http://{line['host']}:{line['port']}"

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def stop(self) -> None:
        """Kill it if it still runs, and read what is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def gateway_process(root: Path = ROOT, python: Path | str = sys.executable, **variables: str) -> Iterator[str]:
    """Run a gateway on a free port until the block ends; yields its URL once it listens."""
    with running_gateway(root, python, **variables) as (url, _):
        yield url


@contextlib.contextmanager
def running_gateway(
    root: Path = ROOT, python: Path | str = sys.executable, **variables: str
) -> Iterator[tuple[str, int]]:
    """Run a gateway as :func:`gateway_process` does; yields its URL and the id of its process."""
    gateway = Gateway(root, python, **variables)
    try:
        url = gateway.url()
    except BaseException:
        gateway.stop()
        raise
    # Read on: a full pipe would stop the gateway at its next line of log.
    reader = threading.Thread(target=gateway.process.communicate)
    reader.start()
    try:
        yield url, gateway.process.pid
    finally:
        gateway.process.terminate()
        reader.join(30)
        if reader.is_alive():
            gateway.process.kill()
            reader.join()
