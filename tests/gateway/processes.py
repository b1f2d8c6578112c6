"""``python -m gateway`` as a process, for tests that need its sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Gateway:
    """A running gateway process; ``url`` is known once it has said where it listens."""

    def __init__(self, **variables: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "api-gateway"),
            "GATEWAY_PORT": "0",
            **variables,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "gateway"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        parsed: dict[str, Any] = json.loads(self.process.stdout.readline())
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
