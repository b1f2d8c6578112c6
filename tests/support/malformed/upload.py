"""One upload as the bytes of an HTTP request, and the 500 that every ring sends."""

from __future__ import annotations

import http.client
import json
import random
import socket
from dataclasses import dataclass, field
from functools import cache
from typing import Any

SEED = 20261123
#: How many of each kind.
PICTURES, FORMS, DOCUMENTS, HEADS = 320, 100, 60, 20
#: A request that is never answered is a failure, not a reason to wait.
ANSWER_WITHIN_S = 60


@dataclass(frozen=True)
class Upload:
    """A request to the gateway that must be refused; ``name`` says what is wrong with it, for the test's output."""

    name: str
    body: bytes
    content_type: bytes | None
    path: str = "/predict"
    #: Further header lines. With a Content-Length or a Transfer-Encoding among them none is added.
    lines: tuple[bytes, ...] = ()
    #: The damaged picture, where nothing but the picture is wrong: what reads only headers may pass it on.
    picture: bytes | None = field(default=None, repr=False)

    def request(self) -> bytes:
        """Write the whole request."""
        lines = [b"POST " + self.path.encode() + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *self.lines]
        if self.content_type is not None:
            lines.append(b"Content-Type: " + self.content_type)
        if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in self.lines):
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", self.body])

    def send(self, host: str, port: int) -> tuple[int, Any]:
        """Send it on a connection of its own; return the answer's status and its JSON, or its plain text."""
        with socket.create_connection((host, port), timeout=ANSWER_WITHIN_S) as connection:
            connection.sendall(self.request())
            with http.client.HTTPResponse(connection, method="POST") as response:
                response.begin()
                content = response.read()
                is_json = response.headers["content-type"] == "application/json"
                return response.status, json.loads(content) if is_json else content.decode()


@cache
def malformed_uploads() -> tuple[Upload, ...]:
    """Return the 500, always the same ones."""
    from tests.support.malformed import documents, forms, heads, pictures

    rng = random.Random(SEED)
    return (
        *pictures.damaged(rng, PICTURES),
        *forms.broken(rng, FORMS),
        *documents.broken(rng, DOCUMENTS),
        *heads.broken(rng, HEADS),
    )
