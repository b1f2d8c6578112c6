"""Who operates: for the lock, the releases file and the audit trail."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime


def name() -> str:
    """Return `user@host`: RELEASED_BY (the scripts set it for containers), else who ran sudo, else this user."""
    given = os.environ.get("RELEASED_BY", "").strip()
    if given:
        return given
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now() -> str:
    """Return the present moment, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
