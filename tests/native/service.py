"""The service of a checkout with the operations on it, for tests that release to it."""

from __future__ import annotations

import json
import signal
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from tests.native.checkout import Checkout
from tests.support.deployment import BASE, Deployment


class Service(Deployment):
    """The service of a checkout, and its model store."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.demo = checkout.root / "demo.pt"
        with zipfile.ZipFile(self.store / f"yolo-{BASE}.mar") as mar:
            self.demo.write_bytes(mar.read("best.pt"))

    @property
    def store(self) -> Path:
        return self.checkout.root / "serving/torchserve/model-store"

    @property
    def gateway(self) -> str:
        return self.checkout.gateway

    @property
    def management(self) -> str:
        return self.checkout.management

    @property
    def street(self) -> Path:
        return self.checkout.root / "samples/street.jpg"

    def script(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.checkout.run(*argv, **environment)

    def start(self) -> None:
        self.go("scripts/up.sh", "--native")

    def ops(self, *argv: object) -> subprocess.CompletedProcess[str]:
        """Run the operation itself, as the scripts do."""
        return self.script("-c", '.venv/bin/python -m ops "$@"', "ops", *map(str, argv))

    def start_ops(self, *argv: object) -> subprocess.Popen[str]:
        """Start the operation itself and do not wait for its end."""
        python = self.checkout.root / ".venv/bin/python"
        return subprocess.Popen(
            [python, "-m", "ops", *map(str, argv)],
            cwd=self.checkout.root,
            env=self.checkout.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kept(self) -> list[str]:
        return sorted(path.name for path in self.store.glob("*.mar"))

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.script("scripts/releases.sh", "--json").stdout)
        return found

    def kill_torchserve(self) -> None:
        (java,) = self.checkout.processes("org.pytorch.serve.ModelServer")
        java.send_signal(signal.SIGKILL)
        java.wait(10)
