"""Where TorchServe runs and what can be done to it from here: natively under the supervisor, or in Compose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError, RestartNeededError
from ops.gateways import readiness
from ops.paths import LOGS, STORE, current_archive
from ops.store import archive, bluegreen
from ops.store.bluegreen import BLUE, GREEN, PROGRAMS
from ops.system.polling import poll
from ops.terminal.console import say
from ops.torchserve.client import Server
from ops.torchserve.logs import telling

GATEWAY_NOTICES_S = 20.0


@dataclass
class Host:
    """A server and the store it loads from. `compose`: this runs in a container beside it."""

    server: Server
    store: Path
    compose: bool
    gateway: str = ""
    #: Which of the two TorchServes of a blue/green switch this is.
    side: str = BLUE
    _log_from: int = 0

    @property
    def program(self) -> str:
        """Its name: of the supervisor's program and its log natively, of the service in Compose."""
        return PROGRAMS[self.side]

    def mark_log(self) -> None:
        """Remember where the log ends now: what matters comes after."""
        path = LOGS / f"{self.program}.log"
        self._log_from = path.stat().st_size if path.is_file() else 0

    def reasons(self) -> list[str]:
        """Return the log lines since the mark that say why something failed; in Compose the script shows them."""
        path = LOGS / f"{self.program}.log"
        if self.compose or not path.is_file():
            return []
        with path.open("rb") as stream:
            stream.seek(self._log_from if self._log_from <= path.stat().st_size else 0)
            return telling(stream.read().decode(errors="replace"))

    def await_gateway(self) -> None:
        """Wait a moment for the gateway, which notices only some time later that a server is back."""
        if self.gateway:
            gateway = poll(lambda: readiness.ask(self.gateway), GATEWAY_NOTICES_S)
            if not gateway.ready:
                say(f"  note: TorchServe answers; {gateway.message}")

    def is_supervised(self) -> bool:
        """Tell whether something restarts the server when it dies."""
        if self.compose:
            return True
        from ops.native import supervisor  # the packaging image has no use for a supervisor

        return bool(supervisor.states())

    def restart(self) -> None:
        """Start or restart TorchServe on what is on disk. Raises RestartNeededError when that is the caller's to do."""
        if self.compose:
            raise RestartNeededError("yolo.mar is in place; TorchServe has to be restarted")
        from ops.native import supervisor

        supervisor.restart(self.program)

    def record_served_archive(self) -> None:
        """Note that the server runs on the archive on disk now, so that up.sh does not restart it."""
        if self.compose:
            return
        from ops.native import service

        state = service.recorded()
        if state:
            service.record({**state, "archive": archive.sha256(current_archive(self.store))})


def here(store: Path = STORE) -> Host:
    """Return the host of the server in force: what the release operations act on. Raises OpsError."""
    return at(bluegreen.in_force(store), store)


def at(side: str, store: Path = STORE) -> Host:
    """Return the host of one side. Compose names the servers in OPS_MANAGEMENT_URL, OPS_INFERENCE_URL and OPS_GREEN_….

    Raises OpsError.
    """
    prefix = "OPS_GREEN_" if side == GREEN else "OPS_"
    management, inference = os.environ.get(f"{prefix}MANAGEMENT_URL"), os.environ.get(f"{prefix}INFERENCE_URL")
    if management and inference:
        return Host(Server(management, inference), store, True, os.environ.get("OPS_GATEWAY_URL", ""), side)
    if management or inference or os.environ.get("OPS_MANAGEMENT_URL"):
        raise OpsError(f"set both {prefix}MANAGEMENT_URL and {prefix}INFERENCE_URL, or none of them at all")
    from ops.system import settings

    found = settings.load()
    prefix = settings.GREEN if side == GREEN else ""
    management, inference = (
        f"http://127.0.0.1:{found.ports[f'{prefix}{api}_PORT']}" for api in ("MANAGEMENT", "INFERENCE")
    )
    return Host(Server(management, inference), store, False, found.gateway, side)
