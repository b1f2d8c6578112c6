"""Servers as child processes: each in a session of its own, measured as a whole tree, stopped by process id.

What runs is written down, so that the next run can stop what a killed one left behind.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STOP_S = 15.0


def free_ports(number: int) -> list[int]:
    """Return ports of loopback that are free just now, all different."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [server.getsockname()[1] for server in servers]


@dataclass
class Tree:
    """The processes of one server. Start with `spawn`; several commands may belong to one server."""

    record: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def spawn(self, argv: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path) -> None:
        """Start a command in a session of its own, its output in `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            stream.write(f"\n$ {' '.join(argv)}\n".encode())
            stream.flush()
            process = subprocess.Popen(
                list(argv),
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        note(self.record, [one.pid for one in self.processes])

    def exited(self) -> int | None:
        """Return the exit code of a command that has ended, None while all run."""
        return next((code for process in self.processes if (code := process.poll()) is not None), None)

    def members(self) -> list[psutil.Process]:
        """Return all processes: the commands, their descendants, and whoever else is in their sessions."""
        roots = {process.pid for process in self.processes}
        return family(roots)

    def memory(self) -> dict[str, float]:
        """Return the memory of all processes in MB: `rss` (shared pages counted in each), `pss` (shared pages divided).

        `pss` is absent where the system does not tell.
        """
        rss = pss = 0
        for process in self.members():
            with suppress(psutil.Error, OSError):
                rss += process.memory_info().rss
                pss += pss_of(process.pid)
        return {"rss": rss / 1e6, **({"pss": pss / 1e6} if pss else {})}

    def cpu_s(self) -> float:
        """Return the CPU time that the living processes have used, in seconds."""
        total = 0.0
        for process in self.members():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def stop(self, grace_s: float = STOP_S) -> None:
        """Ask all to end, kill what does not; nothing is left when this returns."""
        members = self.members()
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(
                    process.pid, signal.SIGTERM
                )  # the command leads its group; a launcher may not pass signals on
        _, alive = psutil.wait_procs(members, timeout=grace_s)
        for process in [*alive, *self.members()]:
            with suppress(psutil.Error):
                process.kill()
        for process in self.processes:
            process.wait()
        psutil.wait_procs(members, timeout=5)
        self.processes.clear()
        self.record.unlink(missing_ok=True)


def family(roots: set[int]) -> list[psutil.Process]:
    """Return the processes with these ids, their descendants and the members of the sessions that they lead."""
    found: dict[int, psutil.Process] = {}
    for root in roots:
        with suppress(psutil.Error):
            process = psutil.Process(root)
            for one in [process, *process.children(recursive=True)]:
                found[one.pid] = one
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):
            if pid not in found and os.getsid(pid) in roots:
                found[pid] = psutil.Process(pid)
    return [process for process in found.values() if running(process)]


def running(process: psutil.Process) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def pss_of(pid: int) -> int:
    """Return a process's proportional set size in bytes, 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def note(record: Path, pids: Sequence[int]) -> None:
    """Write down which processes run, with when they began: an id alone may be somebody else's by then."""
    entries = []
    for pid in pids:
        with suppress(psutil.Error):
            entries.append([pid, psutil.Process(pid).create_time()])
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(entries))


def stop_leftovers(records: Path) -> int:
    """Stop what a killed run left running, by its records in a folder; return how many processes there were."""
    stopped = 0
    for record in records.glob("*.pids"):
        roots = set()
        with suppress(OSError, ValueError):
            for pid, began in json.loads(record.read_text()):
                with suppress(psutil.Error):
                    if abs(psutil.Process(pid).create_time() - began) < 1:
                        roots.add(pid)
        left = family(roots)
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        stopped += len(left)
        record.unlink(missing_ok=True)
    return stopped


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """End one child of ours and wait for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
