"""The container's health check: the server is healthy when a worker of the model is READY.

    python -IS healthcheck.py    print the workers' states; exit 0 when one is READY, else 1

It runs every few seconds next to inference, so it imports a few modules of the standard library alone, and reads its
port without `configuration.py`, whose imports cost three times as much CPU time. `-IS` leaves out Python's start-up
files.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Mapping

# The defaults of `server_settings.py` and `configuration.py`; a test compares them.
MANAGEMENT_PORT = 8086
MODEL = "yolo"
TIMEOUT_S = 5


def run(env: Mapping[str, str]) -> int:
    """Query the management API and print the workers' states. Returns the exit code."""
    try:
        port = int(env.get("MANAGEMENT_PORT", "").strip() or MANAGEMENT_PORT)
        # http.client uses no proxy, whatever the environment says.
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)) as connection:
            connection.request("GET", f"/models/{MODEL}")
            healthy, states = judge(json.load(connection.getresponse()))
    except (OSError, ValueError, OverflowError, http.client.HTTPException) as error:
        healthy, states = False, f"the management API does not answer: {error}"
    print(states)
    return 0 if healthy else 1


def judge(description: object) -> tuple[bool, str]:
    """Return whether a worker is READY, and all workers' states, from the management API's description of the model."""
    versions = description if isinstance(description, list) else []
    workers = [worker for version in versions for worker in version.get("workers", [])]
    states = ", ".join(f"{worker.get('id')}={worker.get('status')}" for worker in workers) or "no worker"
    return any(worker.get("status") == "READY" for worker in workers), states


if __name__ == "__main__":
    raise SystemExit(run(os.environ))
