"""The container's health check: the server is healthy when a worker of the model is READY."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from configuration import MODEL, read_placement


def run(env: Mapping[str, str]) -> int:
    """Query the management API and print the workers' states. Returns the exit code. Raises ConfigurationError."""
    url = f"http://127.0.0.1:{read_placement(env).management_port}/models/{MODEL}"
    try:
        # Without a proxy handler urllib would send requests for the loopback to http_proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as answer:
            healthy, states = judge(json.load(answer))
    except (OSError, ValueError, urllib.error.URLError) as error:
        healthy, states = False, f"the management API does not answer: {error}"
    print(states)
    return 0 if healthy else 1


def judge(description: object) -> tuple[bool, str]:
    """Return whether a worker is READY, and all workers' states, from the management API's description of the model."""
    versions = description if isinstance(description, list) else []
    workers = [worker for version in versions for worker in version.get("workers", [])]
    states = ", ".join(f"{worker.get('id')}={worker.get('status')}" for worker in workers) or "no worker"
    return any(worker.get("status") == "READY" for worker in workers), states
