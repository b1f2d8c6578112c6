"""A TorchServe and the store of one of its models, natively under the supervisor or in Compose."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from ops.errors import OpsError, RestartNeededError
from ops.gateways import readiness
from ops.paths import LOGS, MODEL, STORE, current_archive, folder_of, model_of, store_of
from ops.store import bluegreen
from ops.store.bluegreen import BLUE, GREEN, PROGRAMS
from ops.system.polling import poll
from ops.terminal.console import say
from ops.torchserve.client import Server, UnreachableError
from ops.torchserve.every import connect
from ops.torchserve.logs import find_reasons

GATEWAY_NOTICES_S = 20.0


@dataclass
class Host:
    """A server and the store of a model. `compose`: this process runs in a container of the same project."""

    server: Server
    store: Path
    compose: bool
    gateway: str = ""
    #: Its side in a blue/green switch.
    side: str = BLUE
    _log_from: int = 0

    @property
    def model(self) -> str:
        """The model whose store this is."""
        return model_of(self.store)

    @property
    def name(self) -> str:
        """The name of its side, and of a further model, for people."""
        return self.side if self.model == MODEL else f"{self.model} on {self.side}"

    def of_model(self, model: str) -> Host:
        """Return the same server for another of its models."""
        return replace(self, server=self.server.of_model(model), store=store_of(model, folder_of(self.store)))

    def each(self) -> list[Host]:
        """Return a host for each of several TorchServes; itself where there is one."""
        servers = self.server.each()
        return [self] if len(servers) == 1 else [replace(self, server=server) for server in servers]

    def reachable(self) -> list[Host]:
        """Do what `each` does; return none where there is not even an address."""
        try:
            return self.each()
        except UnreachableError:
            return []

    @property
    def program(self) -> str:
        """Name of the supervisor's program and its log natively, of the service in Compose."""
        return PROGRAMS[self.side]

    def mark_log(self) -> None:
        """Record where the log ends now, for `reasons`."""
        path = LOGS / f"{self.program}.log"
        self._log_from = path.stat().st_size if path.is_file() else 0

    def reasons(self) -> list[str]:
        """Return the log lines since `mark_log` that say why something failed; in Compose the script shows them."""
        path = LOGS / f"{self.program}.log"
        if self.compose or not path.is_file():
            return []
        with path.open("rb") as stream:
            stream.seek(self._log_from if self._log_from <= path.stat().st_size else 0)
            return find_reasons(stream.read().decode(errors="replace"))

    def await_gateway(self) -> None:
        """Wait until the gateway is ready again: it notices with a delay that a server is back."""
        if self.gateway:
            gateway = poll(lambda: readiness.ask(self.gateway, self.model), GATEWAY_NOTICES_S)
            if not gateway.ready:
                say(f"  note: TorchServe answers; {gateway.message}")

    def is_supervised(self) -> bool:
        """Tell whether the server is restarted when it dies."""
        if self.compose:
            return True
        from ops.native import supervisor  # the packaging image has no use for a supervisor

        return bool(supervisor.states())

    def restart(self) -> None:
        """Start or restart TorchServe with the archive on disk. Raises RestartNeededError in Compose."""
        if self.compose:
            raise RestartNeededError(f"{current_archive(self.store).name} is in place; TorchServe has to be restarted")
        from ops.native import supervisor

        supervisor.restart_program(self.program)

    def record_served_archive(self) -> None:
        """Record that the server runs the model's archive on disk now, so that up.sh does not restart it."""
        if self.compose:
            return
        from ops.native import service

        service.record_archive(self.store)


def here(store: Path = STORE) -> Host:
    """Return the host of the server in force, for the model of a store. Raises OpsError."""
    return at(bluegreen.answering_side(store), store)


def at(side: str, store: Path = STORE) -> Host:
    """Return the host of a side, for the model of a store. Raises OpsError.

    Compose sets OPS_MANAGEMENT_URL, OPS_INFERENCE_URL and the same with OPS_GREEN_. They may stand for several servers.
    """
    prefix = "OPS_GREEN_" if side == GREEN else "OPS_"
    management, inference = os.environ.get(f"{prefix}MANAGEMENT_URL"), os.environ.get(f"{prefix}INFERENCE_URL")
    if management and inference:
        server = connect(management, inference, model_of(store))
        return Host(server, store, True, os.environ.get("OPS_GATEWAY_URL", ""), side)
    if management or inference or os.environ.get("OPS_MANAGEMENT_URL"):
        raise OpsError(f"set both {prefix}MANAGEMENT_URL and {prefix}INFERENCE_URL, or neither")
    from ops.system import settings

    found = settings.load()
    prefix = settings.GREEN if side == GREEN else ""
    management, inference = (
        f"http://127.0.0.1:{found.ports[f'{prefix}{api}_PORT']}" for api in ("MANAGEMENT", "INFERENCE")
    )
    return Host(Server(management, inference, model=model_of(store)), store, False, found.gateway, side)
