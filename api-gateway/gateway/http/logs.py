"""JSON logs on stdout: one line per event, one line per request, each with the request id."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.caller import IDENTITY, client_address
from gateway.http.policy import policy_for
from gateway.http.request_id import current_request_id

access_logger = logging.getLogger("gateway.access")

#: What every LogRecord has; anything else on it was given by ``extra=`` and belongs in the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


_to_json = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; whatever a client sent is escaped, so it cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``{"time", "level", "logger", "message", "request_id", …extra, "exception"}``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := current_request_id()) is not None:
            line["request_id"] = request_id
        line.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _to_json(line)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send everything, uvicorn's own messages and warnings included, through one JSON handler."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    # What no line of ours tells is not looked up for each (Python's logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # httpx logs each call at INFO, which would double our own line per request.
    for chatty in ("httpx", "httpcore", "multipart", "python_multipart", "PIL", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class AccessLogMiddleware:
    """Pure ASGI layer that writes one line per request when its answer is out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, count its bytes, and log it when it ends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0  # stays 0 if the connection broke before an answer
        received = sent = 0

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, counting_receive, counting_send)
        finally:
            level = logging.DEBUG if status == 200 and policy_for(scope["path"]).quiet else logging.INFO
            if access_logger.isEnabledFor(level):
                fields = {
                    "client": client_address(scope),
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "duration_ms": round((time.perf_counter() - started) * 1000, 2),
                    "bytes_in": received,
                    "bytes": sent,
                }
                if (identity := scope.get(IDENTITY)) is not None:
                    fields["identity"] = identity
                if (code := scope.get("gateway.error")) is not None:
                    fields["error"] = code
                access_logger.log(level, "request", extra=fields)
