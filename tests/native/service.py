"""The running service of a checkout, its model store, and archives that something is wrong with."""

from __future__ import annotations

import json
import signal
import subprocess
import zipfile

import httpx

from tests.support.archives import names, varied

BASE = "1.0"


class Service:
    """The running service of the checkout, and its model store."""

    def __init__(self, checkout):
        self.checkout = checkout
        self.store = checkout.root / "serving/torchserve/model-store"
        self.management = f"http://127.0.0.1:{checkout.ports['MANAGEMENT_PORT']}"
        self.demo = checkout.root / "demo.pt"
        with zipfile.ZipFile(self.store / f"yolo-{BASE}.mar") as mar:
            self.demo.write_bytes(mar.read("best.pt"))

    def run(self, *argv, **env):
        return self.checkout.run(*argv, **env)

    def ops(self, *argv):
        """The operation itself, as the scripts call it."""
        return self.checkout.run("-c", '.venv/bin/python -m ops "$@"', "ops", *map(str, argv))

    def start_ops(self, *argv):
        python = self.checkout.root / ".venv/bin/python"
        return subprocess.Popen(
            [python, "-m", "ops", *map(str, argv)],
            cwd=self.checkout.root,
            env=self.checkout.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def loaded(self):
        try:
            answer = httpx.get(f"{self.management}/models/yolo/all", timeout=5)
        except httpx.HTTPError:
            return []
        return [version["modelVersion"] for version in answer.json()] if answer.status_code == 200 else []

    def kept(self):
        return sorted(path.name for path in self.store.glob("*.mar"))

    def state(self):
        return json.loads(self.run("scripts/releases.sh", "--json").stdout)

    def names(self, version):
        return names(self.store / f"yolo-{version}.mar")

    def ask(self):
        picture = (self.checkout.root / "samples/street.jpg").read_bytes()
        return httpx.post(f"{self.checkout.gateway}/predict", files={"file": picture}, timeout=90)

    def served(self):
        answer = self.ask()
        return answer.json()["model"]["version"] if answer.status_code == 200 else None

    def kill_torchserve(self):
        (java,) = self.checkout.processes("org.pytorch.serve.ModelServer")
        java.send_signal(signal.SIGKILL)
        java.wait(10)

    def archive(self, version, **changes):
        """Put a version into the store by hand: the base version's files, with something changed (`varied`)."""
        return varied(self.store / f"yolo-{BASE}.mar", self.store / f"yolo-{version}.mar", version, **changes)
