"""A client of TorchServe's management and metrics APIs, over its Unix sockets, past the guard."""

from __future__ import annotations

import http.client
import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

# Everything asked for here is answered from memory.
TIMEOUT_S = 5.0
# Counted when a request arrives, and when it has been answered.
COUNTERS = re.compile(
    r'^(?:ts_inference_requests_total|ts_inference_latency_microseconds)\{model_name="([^"]*)"[^}]*\} (\S+)$', re.M
)
#: What a call raises when TorchServe does not answer, or not as it should.
FAILED = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Version:
    """A loaded version: how many workers it should have, those it has, and the requests that wait for one."""

    version: str
    min_workers: int
    pids: frozenset[int]
    #: Whether all workers are READY: none loads the model.
    settled: bool
    pending: int


class TorchServe:
    """The server behind two sockets. Every method raises one of `FAILED`."""

    def __init__(self, management: Path, metrics: Path) -> None:
        self._management, self._metrics = management, metrics

    def versions(self, model: str) -> list[Version]:
        """Return the loaded versions of a model; none if it is not registered."""
        status, body = _ask(self._management, "GET", f"/models/{quote(model, safe='')}/all")
        return [_version(entry) for entry in json.loads(body)] if status == http.HTTPStatus.OK else []

    def scale(self, model: str, version: str, workers: int) -> None:
        """Set the number of workers of a version. Returns before they have loaded the model."""
        path = f"/models/{quote(model, safe='')}/{quote(version, safe='')}"
        status, body = _ask(self._management, "PUT", f"{path}?min_worker={workers}&max_worker={workers}")
        if status not in (http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED):
            raise ValueError(f"status {status}: {body[:200]!r}")

    def activity(self) -> dict[str, tuple[float, ...]]:
        """Return the counters of each model that was asked since the start; a request changes them."""
        status, body = _ask(self._metrics, "GET", "/metrics")
        if status != http.HTTPStatus.OK:
            raise ValueError(f"status {status}")
        found: dict[str, tuple[float, ...]] = {}
        for model, value in COUNTERS.findall(body.decode()):
            found[model] = (*found.get(model, ()), float(value))
        return found


def _version(entry: dict[str, Any]) -> Version:
    workers = entry["workers"]
    return Version(
        version=str(entry["modelVersion"]),
        min_workers=int(entry["minWorkers"]),
        pids=frozenset(int(worker["pid"]) for worker in workers),
        settled=all(worker["status"] == "READY" for worker in workers),
        pending=int(entry["jobQueueStatus"]["pendingRequests"]),
    )


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _ask(path: Path, method: str, target: str) -> tuple[int, bytes]:
    connection = _Connection(path)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
