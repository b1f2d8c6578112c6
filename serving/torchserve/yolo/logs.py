"""The worker's log: one JSON line per image, on the stream that TorchServe collects."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from yolo.errors import RequestError
from yolo.pipeline import Outcome

NAME = "yolo"
# TorchServe's worker logs this once per request, on the root logger, at INFO.
CHATTER = "Backend received inference at"
# TorchServe reads these lines as they are.
METRICS = "[METRICS]"


class OneLine(logging.Formatter):
    """Writes an error and its traceback as one JSON line, other records as their message alone, as TorchServe does."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = record.getMessage()
        if not record.exc_info or text.startswith(METRICS):
            return text
        fields = {"message": text} if record.name != NAME else json.loads(text)
        head = {"level": record.levelname.lower(), "logger": record.name}
        return _line({**head, **fields, "exception": self.formatException(record.exc_info)})


def configure(level: str) -> logging.Logger:
    """Return the worker's logger at `level`, and silence TorchServe's line per request.

    Only the records with that text are dropped: TorchServe's metrics also use the root logger.
    """
    root = logging.getLogger()
    if is_kept not in root.filters:
        root.addFilter(is_kept)
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setFormatter(OneLine())
    logger = logging.getLogger(NAME)
    logger.setLevel(level if level in logging.getLevelNamesMapping() else logging.INFO)
    return logger


def is_kept(record: logging.LogRecord) -> bool:
    """Return whether a record is logged."""
    return not str(record.msg).startswith(CHATTER)


def outcome(
    logger: logging.Logger,
    request_id: str,
    status: int,
    batch: int,
    done: Outcome,
    facts: Mapping[str, str | None] = {},
) -> None:
    """Log one image: status, boxes and times, or the error. An unexpected error is logged with its traceback.

    `facts` are further fields, such as the model and the trace; those that are None are left out.
    """
    known = {name: value for name, value in facts.items() if value is not None}
    line: dict[str, Any] = {"event": "predict", "request_id": request_id, **known, "status": status, "batch": batch}
    if done.error is None:
        width, height = done.size or (0, 0)
        boxes = len((done.answer or {}).get("boxes", ()))
        write(logger, {**line, "boxes": boxes, "width": width, "height": height, "timings_ms": done.timings})
    elif isinstance(done.error, RequestError):
        write(logger, {**line, "type": done.error.type, "message": str(done.error)})
    else:
        logger.error(_line({**line, "type": type(done.error).__name__}), exc_info=done.error)


def write(logger: logging.Logger, fields: dict[str, Any]) -> None:
    """Log one line at INFO."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(_line(fields))


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), default=str)
