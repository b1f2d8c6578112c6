"""A stand-in for VictoriaLogs that keeps the lines it is sent: what it takes and where, not how it searches.

As a program it listens on port 9428 of all addresses; it needs the standard library alone.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

#: What a request that stores lines must say besides them.
FIELDS = {"_stream_fields": ["service,logger"], "_time_field": ["time"], "_msg_field": ["message,msg"]}


class LogStore(ThreadingHTTPServer):
    """The server; ``GET /lines`` gives the lines as a JSON list, and so does the attribute."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.lines: list[str] = []
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: LogStore

    def do_GET(self) -> None:
        self._answer(200, json.dumps(self.server.lines).encode() if self.path == "/lines" else b"OK")

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if (url.path, parse_qs(url.query)) != ("/insert/jsonline", FIELDS):
            return self._answer(400, b"")
        self.server.lines.extend(body.splitlines())
        return self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


if __name__ == "__main__":
    LogStore("0.0.0.0", 9428).serve_forever()
