"""Bytes as a client of one's own sends and reads them, where a well-behaved one would not do."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

from tests.support.endpoints import HTTP


def connect(url: str, timeout_s: float = 15) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=timeout_s)


def head(length: int, more: bytes = b"") -> bytes:
    """Write the head of a picture of `length` bytes; `more` are further lines, each with its end."""
    return b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n%b\r\n" % (
        length,
        more,
    )


def read_all(client: socket.socket) -> bytes:
    """Read until the other side closes."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def read_answer(client: socket.socket) -> bytes:
    """Read one answer with a JSON body on a connection that stays open."""
    received = b""
    while not received.endswith(b"}"):
        chunk = client.recv(65536)
        assert chunk, f"closed after {received!r}"
        received += chunk
    return received


def error_in(answer: bytes) -> tuple[int, str, str]:
    """Check the one body of every error; return status, code and message."""
    head, _, body = answer.partition(b"\r\n\r\n")
    parsed = json.loads(body)
    assert set(parsed) == {"status", "error", "request_id"}
    assert b"content-type: application/json" in head.lower()
    assert f"x-request-id: {parsed['request_id']}".encode() in head.lower()
    assert b"server:" not in head.lower()
    return int(head.split()[1]), parsed["error"]["code"], parsed["error"]["message"]


def is_alive(url: str) -> bool:
    return HTTP.get(f"{url}/health/live", timeout=10).status_code == 200
