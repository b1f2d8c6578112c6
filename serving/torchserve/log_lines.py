"""The log of the model server: one JSON object a line, whoever of its processes said it.

Java and the workers behind it write to a pipe, this process writes to a stream of the same kind. Each line leaves with
`time`, `level`, `logger` and `message`, in the gateway's form. What is not JSON (Java's own warnings, what a library
prints) is wrapped; a worker's JSON, which Java wraps, is unwrapped.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

#: The levels, the quietest last.
LEVELS = ("debug", "info", "warning", "error")
#: Java's logger of what the workers print.
_WORKERS = "MODEL_LOG"
#: A longer line is split, so that one without an end cannot fill the memory.
LONGEST = 1_048_576


def complete(line: str, logger: str) -> dict[str, Any]:
    """Return the fields of a line; `logger` names who wrote it, if the line does not."""
    fields = _object(line)
    if fields is None:
        return {**_now(), "level": "info", "logger": logger, "message": line}
    if fields.get("logger") == _WORKERS:
        fields["logger"] = "worker"
        if (own := _object(str(fields.get("message", "")))) is not None:
            del fields["message"]
            fields.update(own)
    if not fields.get("exception", True):
        del fields["exception"]
    # A worker's line about an image has no sentence, only the name of the event.
    return {**_now(), "level": "info", "logger": logger, "message": str(fields.get("event", "")), **fields}


class JsonLog(io.TextIOBase):
    """A text stream that writes each line as one JSON object. Lines below its level are left out."""

    def __init__(self, target: BinaryIO, level: str = "info", logger: str = "torchserve") -> None:
        self._target, self._logger = target, logger
        self._level = LEVELS.index(level)
        self._begun = ""
        self._lock = threading.Lock()

    def change_level(self, by: int) -> None:
        """Write one level more (-1) or less (1) from now on, and say so."""
        self._level = min(max(self._level + by, 0), len(LEVELS) - 1)
        level = LEVELS[self._level]
        self.event(level, self._logger, "the log level was changed", {"log_level": level})

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write what `print` writes: what follows the last line break waits for the next one."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(None, lines):
            self.line(line)
        return len(text)

    def line(self, line: str) -> None:
        """Write a line as it came from Java, a worker or a print."""
        try:
            self._put(complete(line, self._logger))
        except (ValueError, RecursionError):  # JSON that can be read and not written, such as a very deep one
            self.event("info", self._logger, line, {})

    def event(self, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> None:
        """Write one event of this process."""
        self._put({**_now(), "level": level, "logger": logger, "message": message, **fields})

    def _put(self, fields: Mapping[str, Any]) -> None:
        level = fields["level"]
        if level in LEVELS and LEVELS.index(level) < self._level:
            return
        data = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with self._lock:
            self._target.write(data)
            self._target.flush()


def follow(source: int, log: JsonLog) -> threading.Thread:
    """Write each line of a pipe to the log until its other end is closed. Returns the thread that does it.

    It is a thread, so that a reader of the log that stops reading does not stop the ports.
    """

    def copy() -> None:
        with os.fdopen(source, "rb") as stream:
            while line := stream.readline(LONGEST):
                if text := line.decode(errors="replace").rstrip("\r\n"):
                    log.line(text)

    thread = threading.Thread(target=copy, name="log", daemon=True)
    thread.start()
    return thread


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _now() -> dict[str, str]:
    return {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
