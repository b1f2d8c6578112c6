"""The service of a checkout with the operations on it, for tests that release to it."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

from tests.native.checkout import Checkout
from tests.support.deployment import Deployment


class Service(Deployment):
    """The service of a checkout, and its model store."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout, self.root, self.ports = checkout, checkout.root, checkout.ports

    def script(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.checkout.run(*argv, **environment)

    def start(self) -> None:
        self.go("scripts/up.sh", "--native")

    def ops(self, *argv: object) -> subprocess.CompletedProcess[str]:
        """Run the operation itself, as the scripts do."""
        return self.script("-c", '.venv/bin/python -m ops "$@"', "ops", *map(str, argv))

    def start_ops(self, *argv: object) -> subprocess.Popen[str]:
        """Start the operation itself and do not wait for its end."""
        python = self.root / ".venv/bin/python"
        return subprocess.Popen(
            [python, "-m", "ops", *map(str, argv)],
            cwd=self.root,
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
