"""Ports of this machine: is one free, and who holds it."""

from __future__ import annotations

import socket

import psutil

from ops.errors import OpsError


def free(host: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Name the process that listens on a port, as far as this user may see it."""
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
    """Check that every port can be had. Raises OpsError naming holder and mend, before anything is started."""
    taken = [(name, port) for name, port in ports.items() if not free(host, port)]
    if taken:
        lines = [
            f"port {port} is taken by {holder(port)}; choose another: {name}={port + 1000}" for name, port in taken
        ]
        raise OpsError(
            "\n  ".join(
                [*lines, "(or stop that process; set ports in the environment or in .env). Nothing was started"]
            )
        )
