"""Where TorchServe runs and what can be done to it from here: natively under the supervisor, or in Compose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ops import archive, readiness
from ops.console import say
from ops.errors import OpsError, RestartNeededError
from ops.loglines import telling
from ops.management import Server
from ops.paths import LOGS, STORE, current_archive

GATEWAY_NOTICES_S = 20.0


@dataclass
class Host:
    """A server and the store it loads from. `compose`: this runs in a container beside it."""

    server: Server
    store: Path
    compose: bool
    gateway: str = ""
    _log_from: int = 0

    def mark_log(self) -> None:
        """Remember where the log ends now: what matters comes after."""
        path = LOGS / "torchserve.log"
        self._log_from = path.stat().st_size if path.is_file() else 0

    def reasons(self) -> list[str]:
        """Return the log lines since the mark that say why something failed; in Compose the script shows them."""
        path = LOGS / "torchserve.log"
        if self.compose or not path.is_file():
            return []
        with path.open("rb") as stream:
            stream.seek(self._log_from if self._log_from <= path.stat().st_size else 0)
            return telling(stream.read().decode(errors="replace"))

    def clients_are_answered(self) -> None:
        """Wait a moment for the gateway, which notices only some time later that a server is back."""
        if self.gateway:
            ready, seen = readiness.wait(lambda: readiness.readiness(self.gateway), GATEWAY_NOTICES_S)
            if not ready:
                say(f"  note: TorchServe answers; {seen}")

    def comes_back(self) -> bool:
        """Tell whether something restarts the server when it dies."""
        if self.compose:
            return True
        from ops import supervision  # the packaging image has no use for a supervisor

        return bool(supervision.states())

    def restart(self) -> None:
        """Start or restart TorchServe on what is on disk. Raises RestartNeededError when that is the caller's to do."""
        if self.compose:
            raise RestartNeededError("yolo.mar is in place; TorchServe has to be restarted")
        from ops import supervision

        supervision.restart("torchserve")

    def served_is_on_disk(self) -> None:
        """Note that the server runs on the archive on disk now, so that up.sh does not restart it."""
        if self.compose:
            return
        from ops import native

        state = native.recorded()
        if state:
            native.record({**state, "archive": archive.sha256(current_archive(self.store))})


def here(store: Path = STORE) -> Host:
    """Return the host this runs on. Compose names the server in OPS_MANAGEMENT_URL and OPS_INFERENCE_URL."""
    management, inference = os.environ.get("OPS_MANAGEMENT_URL"), os.environ.get("OPS_INFERENCE_URL")
    if management and inference:
        return Host(Server(management, inference), store, True, os.environ.get("OPS_GATEWAY_URL", ""))
    if management or inference:
        raise OpsError("set both OPS_MANAGEMENT_URL and OPS_INFERENCE_URL, or neither")
    from ops import settings

    found = settings.load()
    inference = f"http://127.0.0.1:{found.ports['INFERENCE_PORT']}"
    return Host(Server(found.management, inference), store, False, found.gateway)
