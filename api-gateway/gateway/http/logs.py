"""JSON logs on stdout: one line per event, each with the request id."""

import json
import logging
import signal
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from gateway.http.observe import current_request_id
from gateway.tracing.context import trace_fields

#: The attributes of every LogRecord; any other was given by ``extra=`` and belongs in the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}

#: The levels of the setting LOG_LEVEL, the quietest last.
LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)

_to_json = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; everything a client sent is escaped, so it cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``{"time", "level", "logger", "message", "request_id", …trace, …extra, "exception"}``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := current_request_id()) is not None:
            line["request_id"] = request_id
            line.update(trace_fields())
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
    # No line contains these, so they are not looked up for each record (Python's logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # httpx logs each call at INFO, which would double our own line per request.
    for chatty in ("httpx", "httpcore", "multipart", "python_multipart", "PIL", "asyncio", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def change_level(by: int) -> None:
    """Log one level more (-1) or less (1) from now on, and say so."""
    root = logging.getLogger()
    level = LEVELS[min(max(LEVELS.index(root.level) + by, 0), len(LEVELS) - 1)]
    root.setLevel(level)
    name = logging.getLevelName(level).lower()
    logging.getLogger("gateway").log(level, "the log level was changed", extra={"log_level": name})


def change_level_on_signals() -> None:
    """Let SIGUSR1 log one level more and SIGUSR2 one level less."""
    signal.signal(signal.SIGUSR1, lambda *_: change_level(-1))
    signal.signal(signal.SIGUSR2, lambda *_: change_level(1))
