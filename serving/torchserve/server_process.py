"""TorchServe as a child of this process, which has its ports: they start and end together."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import guard
import log_lines
import request_head
from guard import Port
from log_lines import JsonLog

Job: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_PR_SET_PDEATHSIG = 1
# Once the server has ended, its last lines are in the pipe.
LAST_LINES_S = 5.0
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: Path,
    ports: Mapping[Port, socket.socket],
    names: str,
    jobs: Sequence[Job] = (),
    log: JsonLog | None = None,
) -> int:
    """Run the server behind its ports until it ends, and return its exit code. Raises OSError if it cannot be run.

    `names` is the setting ALLOWED_HOSTS, `jobs` is what runs as long as the server does. The server's output goes to
    `log`; without one it has the output of this process.
    """
    return asyncio.run(_run(argv, env, directory, ports, request_head.split(names), jobs, log))


async def _run(
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: Path,
    ports: Mapping[Port, socket.socket],
    allowed: frozenset[str],
    jobs: Sequence[Job],
    log: JsonLog | None,
) -> int:
    parent = os.getpid()

    def end_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it has ended meanwhile
                os._exit(1)

    reading, writing = os.pipe() if log is not None else (None, None)
    try:
        server = await asyncio.create_subprocess_exec(
            *argv, env=dict(env), cwd=directory, preexec_fn=end_with_parent, stdout=writing, stderr=writing
        )
    finally:
        if writing is not None:
            os.close(writing)
    lines = log_lines.follow(reading, log) if reading is not None and log is not None else None
    if log is not None:
        for number, by in ((signal.SIGUSR1, -1), (signal.SIGUSR2, 1)):
            asyncio.get_running_loop().add_signal_handler(number, log.change_level, by)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _pass_on, server, number)
    try:
        async with asyncio.TaskGroup() as group:
            for port, listener in ports.items():
                group.create_task(guard.open_port(port, listener, allowed, lambda: server.returncode is None, log))
            running = [group.create_task(job()) for job in jobs]
            code = await server.wait()
            for task in running:
                task.cancel()
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
        if lines is not None:
            await asyncio.to_thread(lines.join, LAST_LINES_S)
    return code if code >= 0 else 128 - code


def _pass_on(server: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        server.send_signal(number)
