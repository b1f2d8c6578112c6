"""The operator and the time, for the lock, the records of releases and the audit trail."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime


def name() -> str:
    """Return `user@host`: RELEASED_BY (set by the scripts for containers), else the user of sudo, else the user."""
    given = os.environ.get("RELEASED_BY", "").strip()
    if given:
        return given
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now() -> str:
    """Return the present time in ISO format, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
