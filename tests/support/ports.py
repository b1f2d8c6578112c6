"""TCP ports of the loopback interface for services that tests start, stop and start again."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

# Below the ports that Linux gives to outgoing connections (32768 and up): one of those could take the port of a
# service that is stopped for a moment.
RANGE = range(20_000, 32_000)

_reserved: list[IO[str]] = []  # open as long as this process runs, which is how long their locks are held


def free_ports(count: int) -> list[int]:
    """Return free ports of loopback, reserved until this process ends: no other process of the tests is given them."""
    folder = Path(tempfile.gettempdir()) / f"yolo-serving-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    found: list[int] = []
    while len(found) < count:
        port = random.choice(RANGE)
        if _is_free(port) and _reserve(folder / str(port)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def _reserve(path: Path) -> bool:
    """Take the lock of a port. A process that has it already is refused as any other is."""
    stream = path.open("w")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return False
    _reserved.append(stream)
    return True
