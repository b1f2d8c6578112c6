"""How many pictures a server has inferred so far, counted by the server itself."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from benchmarks.paths import WORK
from benchmarks.servers.server import Server
from ops.errors import OpsError

# What reached this stack's TorchServe: a little more than what its workers began, if a client leaves its queue.
REQUESTS = re.compile(r"^ts_inference_requests_total\{[^}]*\}\s+([0-9.eE+]+)$", re.MULTILINE)


def counter_file(name: str) -> Path:
    """Return the file to which a rival of this name adds a byte per picture."""
    return WORK / f"{name}.inferred"


def count_inferred(server: Server) -> int:
    """Return the number of pictures since the server was started. Raises OpsError when it does not answer."""
    if "metrics" in server.ports:
        return count_requests(read_metrics(server.ports["metrics"]))
    file = counter_file(server.name)
    return file.stat().st_size if file.is_file() else 0


def count_requests(text: str) -> int:
    """Return the sum of TorchServe's request counters in the text of its metrics."""
    return round(sum(float(value) for value in REQUESTS.findall(text)))


def read_metrics(port: int) -> str:
    """Return the text of TorchServe's metrics. Raises OpsError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            return str(answer.read().decode())
    except OSError as error:
        raise OpsError(f"TorchServe's metrics: {error}") from error
