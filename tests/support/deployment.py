"""A running service with its model store, natively or in Compose, and the state in which tests of releases begin."""

from __future__ import annotations

import filecmp
import json
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import httpx

from tests.support.archives import names, varied
from tests.support.waiting import wait_until

# The version that is packaged by the first start: the demonstration weights.
BASE = "1.0"
# The demonstration weights find people at this size, too, in a quarter of the time.
QUICK = {"imgsz": "256"}
# How a service runs that is released to. Clients that send requests without a pause use all the CPU that the model
# server takes: with one worker and one thread a core is left for the operations, and with one worker they do not wait
# some seconds for each version that they drain. On a busy machine a connection may take longer than the default allows.
RELEASED_TO = {"WORKERS": "1", "THREADS": "1", "CONNECT_TIMEOUT_S": "5"}
# The word that ends each kind of split.
SPLITS = {"canary": "abort", "experiment": "stop", "shadow": "stop"}


class Deployment(ABC):
    """What releases are tested on."""

    @property
    @abstractmethod
    def store(self) -> Path:
        """The model store."""

    @property
    @abstractmethod
    def gateway(self) -> str:
        """The URL of the gateway."""

    @property
    @abstractmethod
    def management(self) -> str:
        """The URL of blue's management API."""

    @property
    @abstractmethod
    def street(self) -> Path:
        """The sample picture."""

    @abstractmethod
    def script(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `bash` with these arguments in the checkout; output of both streams in `stdout`."""

    @abstractmethod
    def start(self) -> None:
        """Start each server that the records name and that does not run."""

    def go(self, *argv: str, code: int = 0) -> str:
        """Run a script that must end with this exit code; return what it printed."""
        done = self.script(*argv)
        print(done.stdout)
        assert done.returncode == code, done.stdout
        return done.stdout

    def settle(self) -> None:
        """Make sure that blue alone runs, and that the base version alone is loaded, current and served.

        Nothing is run where that is so already. Tests begin here, whatever the one before has left.
        """
        for part, word in SPLITS.items():
            if self.routing().get(part):
                self.go(f"scripts/{part}.sh", word)
        self._stop_green()
        self._serve_base()
        self.wait_ready()
        assert self.loaded() == [BASE]

    def _stop_green(self) -> None:
        sides = read_json(self.store / "bluegreen.json")
        if self.routing().get("server") == "green":
            self.start()
            if self.script("scripts/bluegreen.sh", "back").returncode:
                self.make_current(BASE)  # blue is gone; the one that is started now serves this archive
                self.go("scripts/bluegreen.sh", "deploy", "--accept-drift")
        elif not sides.get("green") and not sides.get("pending"):
            return
        self.go("scripts/bluegreen.sh", "down")

    def _serve_base(self) -> None:
        is_current = filecmp.cmp(self.store / "yolo.mar", self.store / f"yolo-{BASE}.mar", shallow=False)
        if is_current:
            wait_until(self.loaded, "TorchServe answers")
        if not is_current or self.loaded() != [BASE]:
            self.go("scripts/rollback.sh", BASE)
        for version in set(self.loaded()) - {BASE}:
            httpx.delete(f"{self.management}/models/yolo/{version}", timeout=120)

    def loaded(self) -> list[str]:
        """Return the versions that blue has loaded; none while it does not answer."""
        try:
            answer = httpx.get(f"{self.management}/models/yolo/all", timeout=5)
        except httpx.HTTPError:
            return []
        return [version["modelVersion"] for version in answer.json()] if answer.status_code == 200 else []

    def routing(self) -> dict[str, Any]:
        return read_json(self.store / "routing/routing.json")

    def names(self, version: str) -> set[str]:
        """Return the classes that a kept version knows."""
        return names(self.store / f"yolo-{version}.mar")

    def archive(self, version: str, **changes: Any) -> Path:
        """Put a version into the store by hand: the base version's files, with something changed (`varied`)."""
        return varied(self.store / f"yolo-{BASE}.mar", self.store / f"yolo-{version}.mar", version, **changes)

    def make_current(self, version: str) -> None:
        """Do what `cp yolo-V.mar yolo.mar` does; what runs keeps what it has loaded."""
        (self.store / "yolo.mar").write_bytes((self.store / f"yolo-{version}.mar").read_bytes())

    def ask(self, **query: str) -> httpx.Response:
        """Send the sample picture to the gateway, at a size that costs little unless the query says another."""
        picture = self.street.read_bytes()
        return httpx.post(f"{self.gateway}/predict", params={**QUICK, **query}, files={"file": picture}, timeout=90)

    def served(self) -> str | None:
        """Return the version that answers, None while nothing does."""
        answer = self.ask()
        return answer.json()["model"]["version"] if answer.status_code == 200 else None

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.gateway}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        wait_until(self.ready, f"the service at {self.gateway} is ready")


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object, an empty one where there is no file."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found
