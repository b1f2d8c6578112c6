"""A dockerd for the tests alone, with its own data, socket and pid file. It is stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.compose import packages

FOLDER = Path("/var/tmp/yolo-serving-engine")  # kept between runs: it holds the build cache
SOCKET = FOLDER / "docker.sock"
PIDFILE = FOLDER / "dockerd.pid"
LOG = FOLDER / "dockerd.log"

TOOLS = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables"}

_START_SECONDS = 60
_STOP_SECONDS = 60

Process = subprocess.Popen[bytes]


def start(environment: dict[str, str], answers: Callable[[], bool], *, with_parent: bool) -> Process:
    """Start dockerd and wait until it answers. Raises RuntimeError with the end of its log.

    `with_parent` makes it end with this process, however this process ends.
    """
    if pid() is None:
        PIDFILE.unlink(missing_ok=True)  # left by a crash; the number may be another process's by now
    command = [
        # A service that mounts / with the propagation rslave needs a shared /, as systemd makes it.
        *("unshare", "--mount", "--propagation", "shared"),
        "dockerd",
        f"--data-root={FOLDER / 'data'}",
        f"--exec-root={FOLDER / 'exec'}",
        f"--pidfile={PIDFILE}",
        f"--host=unix://{SOCKET}",
    ]
    if with_parent:
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    with LOG.open("w") as log:
        # In a new session Ctrl-C reaches the tests alone, which then stop the engine in order.
        daemon = subprocess.Popen(
            command,
            env={**environment, "PATH": packages.search_path()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    try:
        while not answers():
            if daemon.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(LOG.read_text().splitlines()[-6:])
                raise RuntimeError(f"dockerd does not start here:\n{tail}")
            time.sleep(0.2)
    except BaseException:
        stop(daemon)
        raise
    return daemon


def pid() -> int | None:
    """The process id of our dockerd, or None. A pid file left by a crash may name another process."""
    with contextlib.suppress(OSError, ValueError):
        found = int(PIDFILE.read_text())
        if f"--pidfile={PIDFILE}".encode() in Path(f"/proc/{found}/cmdline").read_bytes().split(b"\0"):
            return found
    return None


def stop(daemon: Process | None = None) -> bool:
    """Stop our dockerd and the containerd it started. False if it was not running."""
    number = daemon.pid if daemon else pid()
    if number is None:
        return False
    for kind, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, kind)
        if _gone(number, daemon, seconds):
            break
    with contextlib.suppress(OSError, ValueError):  # there only if dockerd could not end it itself
        containerd = int((FOLDER / "exec/containerd/containerd.pid").read_text())
        if Path(f"/proc/{containerd}/comm").read_text().strip() == "containerd":
            os.kill(containerd, signal.SIGKILL)
    return True


def _gone(number: int, daemon: Process | None, seconds: float) -> bool:
    """Wait until a process has ended; one that we started has to be reaped for that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if daemon.poll() is not None if daemon else not Path(f"/proc/{number}").exists():
            return True
        time.sleep(0.1)
    return False
