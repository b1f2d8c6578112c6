"""A running service with its model store, natively or in Compose, and the state in which tests of releases begin."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.support import small_models
from tests.support.archives import names, varied
from tests.support.endpoints import HTTP, Endpoints
from tests.support.waiting import wait_until

# The version that is packaged by the first start: the demonstration weights.
DEMO = "1.0"
# The version that tests of releases begin with: a small model, which loads and answers in a fraction of the time.
BASE = "base"
# At this size it finds some fifty objects on the sample picture, in a few milliseconds.
QUICK = {"imgsz": "128"}
# How a service runs that is released to. With one worker and one thread, clients that send requests without a pause
# leave a core to the operations, and these do not wait some seconds for each version that they drain.
RELEASED_TO = {"WORKERS": "1", "THREADS": "1"}
# Beside other rings an answer may take seconds: whoever has to wait for it is not refused, unless a test is about that.
PATIENT = {"MAX_WAIT_S": "60"}
# The word that ends each kind of split.
SPLITS = {"canary": "abort", "experiment": "stop", "shadow": "stop"}


class Deployment(Endpoints, ABC):
    """What releases are tested on."""

    root: Path

    @property
    def store(self) -> Path:
        """The model store."""
        return self.root / "serving/torchserve/model-store"

    @property
    def street(self) -> Path:
        """The sample picture."""
        return self.root / "samples/street.jpg"

    @property
    def weights(self) -> Path:
        """The weights of the base version."""
        return self.root / "base.pt"

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

    def settle(self, version: str = BASE) -> None:
        """Make sure that blue alone runs, and that this version alone is loaded, current and served.

        Nothing is run where that is so already. Tests begin here, whatever the one before has left.
        """
        if version == BASE:
            self.keep_base()
        for part, word in SPLITS.items():
            if self.routing().get(part):
                self.go(f"scripts/{part}.sh", word)
        self._stop_green(version)
        self._serve(version)
        self.wait_ready()
        assert self.loaded() == [version]

    def keep_base(self) -> Path:
        """Put the base version into the store, unless it is there; return its archive. What is served stays."""
        archive = self.store / f"yolo-{BASE}.mar"
        if not archive.exists():
            self.hand_over(small_models.keep("yolov8n.yaml", BASE, self.root))
            with zipfile.ZipFile(archive) as mar:
                self.weights.write_bytes(mar.read("best.pt"))
            self.hand_over(self.weights)
        return archive

    def _stop_green(self, version: str) -> None:
        sides = read_json(self.store / "bluegreen.json")
        if self.routing().get("server") == "green":
            self.start()
            if self.script("scripts/bluegreen.sh", "back").returncode:
                self.make_current(version)  # blue is gone; the one that is started now serves this archive
                self.go("scripts/bluegreen.sh", "deploy", "--accept-drift")
        elif not sides.get("green") and not sides.get("pending"):
            return
        self.go("scripts/bluegreen.sh", "down")

    def _serve(self, version: str) -> None:
        is_current = filecmp.cmp(self.store / "yolo.mar", self.store / f"yolo-{version}.mar", shallow=False)
        if is_current:
            wait_until(self.loaded, "TorchServe answers")
        if not is_current or self.loaded() != [version]:
            self.go("scripts/rollback.sh", version)
        for other in set(self.loaded()) - {version}:
            HTTP.delete(f"{self.management}/models/yolo/{other}", timeout=120)

    def loaded(self) -> list[str]:
        """Return the versions that blue has loaded; none while it does not answer."""
        try:
            answer = HTTP.get(f"{self.management}/models/yolo/all", timeout=20)
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
        return self.hand_over(
            varied(self.store / f"yolo-{BASE}.mar", self.store / f"yolo-{version}.mar", version, **changes)
        )

    def keep_copy(self, model: str, version: str, **changes: Any) -> Path:
        """Put a version of a model into the store by hand: what is served, with something changed (`varied`)."""
        return self.hand_over(
            varied(self.store / f"{model}.mar", self.store / f"{model}-{version}.mar", version, **changes)
        )

    def hand_over(self, path: Path) -> Path:
        """Give a file that a test has made to the owner of the checkout."""
        owner = self.root.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        return path

    def make_current(self, version: str) -> None:
        """Do what `cp yolo-V.mar yolo.mar` does; what runs keeps what it has loaded."""
        (self.store / "yolo.mar").write_bytes((self.store / f"yolo-{version}.mar").read_bytes())

    def ask(self, headers: Mapping[str, str] | None = None, **query: str) -> httpx.Response:
        """Send the sample picture to the gateway, at a size that costs little unless the query says another."""
        picture = {"file": self.street.read_bytes()}
        return HTTP.post(f"{self.gateway}/predict", params={**QUICK, **query}, files=picture, headers=headers)

    def served(self) -> str | None:
        """Return the version that answers, None while nothing does."""
        answer = self.ask()
        return answer.json()["model"]["version"] if answer.status_code == 200 else None


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object, an empty one where there is no file."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found
