"""The settings of native mode: from the environment, else from `.env`, else the defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT
from ops.system import env_file, variables
from ops.system.variables import BIND

#: 0 there: Docker publishes each of several containers at a free port.
FREE_IN_COMPOSE = ("INFERENCE_PORT", "MANAGEMENT_PORT")
PORTS = {
    port.name: int(port.default) for port in (*variables.PORTS, *variables.OBSERVABILITY_PORTS, *variables.NATIVE_PORTS)
}
#: Prefix of the ports of the second TorchServe of a blue/green switch, which runs only during such a switch.
GREEN = "GREEN_"


@dataclass(frozen=True)
class Settings:
    """`environment` is that of the services, `ports` is by variable name, `bind` is the gateway's address."""

    environment: dict[str, str]
    ports: dict[str, int]
    bind: str

    @property
    def gateway(self) -> str:
        """Base URL of the gateway, from this machine."""
        return f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}"

    @property
    def green_ports(self) -> dict[str, int]:
        """The ports of the second TorchServe, by the variable names that its entrypoint reads."""
        return {name.removeprefix(GREEN): port for name, port in self.ports.items() if name.startswith(GREEN)}


def load(path: Path = ROOT / ".env") -> Settings:
    """Read the settings. Raises OpsError for an invalid port, or one that is used twice."""
    environment = {**env_file.read(path), **os.environ}
    ports = {}
    for name, default in PORTS.items():
        text = environment.get(name, "").strip() or str(default)
        lowest = 0 if name in FREE_IN_COMPOSE else 1
        if not text.isdigit() or not lowest <= int(text) <= 65535:
            raise OpsError(f"{name}={text} is not a port; use a number from {lowest} to 65535")
        ports[name] = int(text)
    twice = {port for port in ports.values() if port and list(ports.values()).count(port) > 1}
    if twice:
        names = ", ".join(name for name, port in ports.items() if port in twice)
        raise OpsError(f"{names} are the same port {min(twice)}; give each its own")
    return Settings(environment, ports, environment.get(BIND.name, "").strip() or BIND.default)
