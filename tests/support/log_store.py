"""The real VictoriaLogs: what it has stored, and one of a test's own on a port of loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.gateway.peers.victoria_logs import victoria_logs
from tests.support.endpoints import HTTP
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class LogStore:
    """A running VictoriaLogs."""

    url: str

    def query(self, logsql: str) -> list[dict[str, str]]:
        """Return the lines that a query finds, fields by name, the oldest first. Fails where it cannot be parsed."""
        answer = HTTP.get(f"{self.url}/select/logsql/query", params={"query": logsql}, timeout=30)
        assert answer.status_code == 200, (logsql, answer.text)
        lines: list[dict[str, str]] = [json.loads(line) for line in answer.text.splitlines()]
        return sorted(lines, key=lambda line: line.get("_time", ""))


@contextmanager
def log_store(folder: Path, port: int) -> Iterator[LogStore]:
    """Run VictoriaLogs with its data in a folder until the block ends."""
    argv = [victoria_logs(), f"-storageDataPath={folder / 'data'}", f"-httpListenAddr=127.0.0.1:{port}"]
    store = LogStore(f"http://127.0.0.1:{port}")

    def answers() -> bool:
        assert process.poll() is None, (folder / "store.log").read_text()[-2000:]
        try:
            return HTTP.get(f"{store.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    folder.mkdir(exist_ok=True)
    with (folder / "store.log").open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
        try:
            wait_until(answers, "VictoriaLogs answers")
            yield store
        finally:
            process.terminate()
            process.wait(30)
