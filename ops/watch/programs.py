"""The native programs as the system sees them; nothing where the service runs in Compose or not at all."""

from __future__ import annotations

import contextlib
import xmlrpc.client
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A program under the supervisor. `memory_bytes`: resident, with all that it has started; 0 if it does not run."""

    name: str
    state: str
    memory_bytes: int = 0


def running() -> tuple[Program, ...]:
    """Return the programs that the supervisor of this checkout has."""
    try:
        from ops.native import supervisor
    except ModuleNotFoundError:  # the small environment of a machine that runs nothing natively
        return ()
    try:
        listed = supervisor.rpc().getAllProcessInfo()
    except (OSError, xmlrpc.client.Error):
        return ()
    return tuple(
        Program(item["name"], f"{item['statename']} ({item['description']})", _with_children(int(item["pid"])))
        for item in listed
    )


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes, 0 if there is none."""
    import psutil  # present wherever the service runs natively

    if pid > 0:
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
    return 0


def _with_children(pid: int) -> int:
    import psutil

    found: list[psutil.Process] = []
    if pid > 0:
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(pid)
            found = [parent, *parent.children(recursive=True)]
    return sum(resident(process.pid) for process in found)
