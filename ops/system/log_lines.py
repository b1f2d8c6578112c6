"""Lines of the services' logs, which are JSON objects, as text for people."""

from __future__ import annotations

import json
from typing import Any


def fields(line: str) -> dict[str, Any] | None:
    """Return the fields of a line; None if it is no JSON object, as in logs of former versions."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def readable(line: str) -> str:
    """Return a line as people read it: level, message and further fields; a traceback follows on lines of its own."""
    found = fields(line)
    if found is None or "message" not in found:
        return line
    known = {"time", "level", "logger", "message", "exception"}
    more = " ".join(f"{name}={value}" for name, value in found.items() if name not in known)
    head = " ".join(filter(None, [str(found.get("level", "info")).upper(), str(found["message"]), more]))
    return "\n".join([head, *str(found.get("exception", "")).splitlines()])
