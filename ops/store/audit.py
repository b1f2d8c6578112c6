"""The audit trail: one JSON line in `audit.log` for each change of the releases, and for each failed attempt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ops.errors import from_os_error
from ops.system import identity

NAME = "audit.log"


def record(store: Path, action: str, outcome: str, **details: Any) -> None:
    """Append a line. `outcome`: done, failed, noticed (changed by hand) or mended (recovered). Raises OpsError."""
    line = {"at": identity.now(), "by": identity.name(), "action": action, "outcome": outcome, **details}
    text = json.dumps({key: value for key, value in line.items() if value not in (None, "")}, ensure_ascii=False)
    path = store / NAME
    try:
        # A single write to a file opened for appending: the lines of two writers do not mix.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, (text + "\n").encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(error, f"writing {NAME}") from error


def entries(store: Path) -> list[dict[str, Any]]:
    """Return the lines, oldest first, without invalid ones, such as one that a power cut has truncated."""
    try:
        lines = (store / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def rows(lines: list[dict[str, Any]]) -> list[list[str]]:
    """Return the rows of a table: time, user, action, versions, outcome, duration, details."""
    table = []
    for entry in lines:
        versions = " → ".join(str(entry[key]) for key in ("from", "to") if entry.get(key))
        seconds = f"{entry['seconds']:.1f} s" if isinstance(entry.get("seconds"), (int, float)) else ""
        more = "; ".join(str(entry[key]) for key in ("note", "detail") if entry.get(key))
        table.append(
            [
                str(entry.get("at", "")),
                str(entry.get("by", "")),
                str(entry.get("action", "")),
                versions,
                str(entry.get("outcome", "")),
                seconds,
                more.splitlines()[0] if more else "",
            ]
        )
    return table
