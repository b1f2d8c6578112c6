"""``python -m gateway`` as a process of its own, for clients that are real programs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.support import ROOT


@contextlib.contextmanager
def gateway_process(**variables: str) -> Iterator[str]:
    """Run a gateway on a free port until the block ends; yields its URL once it listens."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "api-gateway"),
        "GATEWAY_PORT": "0",
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "gateway"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    reader: threading.Thread | None = None
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            with contextlib.suppress(ValueError):
                parsed = json.loads(line)
                if parsed["message"] == "listening":
                    url = f"http://{parsed['host']}:{parsed['port']}"
                if parsed["message"] == "Application startup complete.":
                    break
        else:
            raise AssertionError("".join(said))
        # Read on: a full pipe would stop the gateway at its next line of log.
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        yield url
    finally:
        process.terminate()
        process.wait(30)
        if reader is not None:
            reader.join()
        if process.stdout is not None:
            process.stdout.close()
