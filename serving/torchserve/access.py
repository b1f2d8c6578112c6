"""The access log of TorchServe's ports: one line for each request, with its id and its trace."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field

from log_lines import JsonLog
from request_head import Head, RefusedError
from yolo.tracing import context

LOGGER = "torchserve.access"
LONGEST_ID = 128
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})")
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,15})\r", re.IGNORECASE)
#: nginx's status for a connection that was lost before an answer.
CONNECTION_LOST = 499


@dataclass
class Access:
    """The requests of one connection that wait for their answers, in order."""

    log: JsonLog
    _waiting: deque[tuple[float, Head]] = field(default_factory=deque)

    def asked(self, head: Head) -> None:
        """Note a request that is passed on."""
        self._waiting.append((time.monotonic(), head))

    def answered(self, part: bytes) -> None:
        """Log the request that a part of the answers belongs to, if the part begins with the head of an answer.

        Answers are passed on in the parts in which they arrive, and TorchServe writes the head of one at a time.
        """
        if self._waiting and (match := _STATUS.match(part)):
            length = _LENGTH.search(part)
            self._write(int(match[1]), int(length[1]) if length else None)

    def refused(self, refusal: RefusedError) -> None:
        """Log a request that is not passed on, such as a web page's."""
        self.log.event("warning", LOGGER, "request refused", {"status": refusal.status, "detail": str(refusal)})

    def ended(self) -> None:
        """Log the requests that got no answer."""
        while self._waiting:
            self._write(CONNECTION_LOST, None)

    def _write(self, status: int, sent: int | None) -> None:
        started, head = self._waiting.popleft()
        trace = context.parse(head.fields.get("traceparent"))
        fields = {
            "request_id": head.fields.get("x-request-id", "")[:LONGEST_ID] or None,
            "trace_id": trace and trace.trace_id,
            "span_id": trace and trace.span_id,
            "method": head.method,
            "path": head.path,
            "status": status,
            "duration_ms": round((time.monotonic() - started) * 1000, 2),
            "bytes_in": head.length,
            "bytes": sent,
        }
        # The gateway, health checks and Prometheus look every few seconds.
        level = "debug" if head.method == "GET" and status == 200 else "info"
        self.log.event(level, LOGGER, "request", {name: value for name, value in fields.items() if value is not None})
