"""Ports of this machine: whether they are free, and which process holds them."""

from __future__ import annotations

import socket

import psutil

from ops.errors import OpsError


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen on a port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return the process that listens on a port, if this user may see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return (
                    f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
                    if connection.pid
                    else "a process"
                )
    except (psutil.Error, OSError):
        pass
    return "another process"


def require_free(host: str, ports: dict[str, int]) -> None:
    """Raise OpsError when a port is taken, naming the process and the setting to change, or 0."""
    if anywhere := [name for name, port in ports.items() if not port]:
        raise OpsError(f"{anywhere[0]}=0 is for Compose; without it choose a port. Nothing was started")
    taken = [(name, port) for name, port in ports.items() if not is_free(host, port)]
    if taken:
        lines = [
            f"port {port} is taken by {holder(port)}; choose another: {name}={port + 1000}" for name, port in taken
        ]
        raise OpsError(
            "\n  ".join(
                [*lines, "(or stop that process; set ports in the environment or in .env). Nothing was started"]
            )
        )
