"""Process trees: each server part runs in a session of its own, is measured as a whole and stopped by process id.

The running trees are recorded in files, so that the next run can stop those that a killed run left behind.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STOP_S = 15.0


def free_ports(number: int) -> list[int]:
    """Return different ports of loopback that are free at the moment."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [server.getsockname()[1] for server in servers]


@dataclass
class Tree:
    """A command with all its descendants."""

    process: subprocess.Popen[bytes]
    record: Path

    @classmethod
    def start(cls, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, record: Path) -> Tree:
        """Start a command in a session of its own; its output goes to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            stream.write(f"\n$ {' '.join(argv)}\n".encode())
            stream.flush()
            process = subprocess.Popen(
                list(argv), env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        with suppress(psutil.Error):
            record.write_text(json.dumps([process.pid, psutil.Process(process.pid).create_time()]))
        return cls(process, record)

    def exit_code(self) -> int | None:
        """Return the command's exit code, None while it runs."""
        return self.process.poll()

    def members(self) -> list[psutil.Process]:
        """Return the command, its descendants and the other members of its session."""
        return members_of(self.process.pid)

    def memory_mb(self) -> Counter[str]:
        """Return the memory in MB: `rss` counts shared pages in each process, `pss` divides them.

        `pss` is missing where the system does not report it.
        """
        total: Counter[str] = Counter()
        for process in self.members():
            with suppress(psutil.Error, OSError):
                memory = process.memory_full_info()
                total.update({kind: getattr(memory, kind, 0) / 1e6 for kind in ("rss", "pss")})
        return +total

    def cpu_s(self) -> float:
        """Return the CPU time that the living processes have used, in seconds."""
        total = 0.0
        for process in self.members():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def stop(self, grace_s: float = STOP_S) -> None:
        """Terminate all processes; kill those that remain after `grace_s`."""
        members = self.members()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)  # the whole group: a launcher may not forward signals
        _, alive = psutil.wait_procs(members, timeout=grace_s)
        kill([*alive, *self.members()])
        self.process.wait()
        self.record.unlink(missing_ok=True)


def members_of(root: int) -> list[psutil.Process]:
    """Return the process with this id, its descendants and the other members of its session, without zombies."""
    found: set[psutil.Process] = set()
    with suppress(psutil.Error):
        process = psutil.Process(root)
        found.update([process, *process.children(recursive=True)])
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):
            if os.getsid(pid) == root:
                found.add(psutil.Process(pid))
    return [process for process in found if is_running(process)]


def is_running(process: psutil.Process) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill(processes: list[psutil.Process]) -> None:
    """Kill processes and wait for them."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def stop_leftovers(records: Path) -> int:
    """Kill the trees that a killed run has recorded in a folder. Returns the number of processes."""
    stopped = 0
    for record in records.glob("*.pid"):
        # The start time tells whether the id belongs to another process by now.
        with suppress(OSError, ValueError, TypeError, psutil.Error):
            pid, began = json.loads(record.read_text())
            if abs(psutil.Process(pid).create_time() - began) < 1:
                left = members_of(pid)
                kill(left)
                stopped += len(left)
        record.unlink(missing_ok=True)
    return stopped


def interrupt(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Terminate a child process and wait for it; kill it after five seconds."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
