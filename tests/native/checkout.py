"""A copy of the tree whose scripts run as on a machine with neither Java nor Docker."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ops.system.settings import PORTS
from tests.gateway.support.gateway_process import gateway_process
from tests.support import copy_tree, free_ports
from tests.support.deployment import PATIENT
from tests.support.endpoints import HTTP, Endpoints
from tests.support.waiting import wait_until

# Settings of this machine that must not reach the checkout.
FOREIGN = {"JAVA_HOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "WEIGHTS"}


@dataclass
class Checkout(Endpoints):
    """A copy of the tree, the environment of its scripts, and the settings that its service runs with."""

    root: Path
    env: dict[str, str]
    ports: dict[str, int]
    settings: dict[str, str] = field(default_factory=dict)
    _started_with: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of every command: ports and settings included."""
        return {**self.env, **self.settings}

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the checkout as a person would; output of both streams in `stdout`."""
        return subprocess.run(
            ["bash", *argv],
            cwd=self.root,
            env={**self.environment, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    def up(self, **settings: str) -> None:
        """Make sure that the service was started with these settings; it may not be ready yet."""
        self.settings = settings
        if self._started_with != settings or not self.processes(""):
            done = self.run("scripts/up.sh", "--native")
            assert done.returncode == 0, done.stdout
            self._started_with = settings

    def processes(self, mark: str) -> list[psutil.Process]:
        """Return the checkout's processes whose command line holds `mark`."""
        found = []
        for process in psutil.process_iter():
            try:
                argv, cwd = " ".join(process.cmdline()), process.cwd()
            except psutil.Error:
                continue
            if mark in argv and (str(self.root) in argv or cwd.startswith(str(self.root))):
                found.append(process)
        return found

    def log(self, name: str) -> str:
        return (self.root / ".run" / "logs" / f"{name}.log").read_text(errors="replace")

    @contextmanager
    def second_gateway(self, **variables: str) -> Iterator[str]:
        """Run a gateway with other settings in front of the same TorchServe, which restarts nothing; yields its URL."""
        urls = {"TORCHSERVE_INFERENCE_URL": self.inference, "TORCHSERVE_MANAGEMENT_URL": self.management}
        with gateway_process(self.root, self.root / ".venv/bin/python", **urls, **variables) as url:
            ready = f"{url}/health/ready"
            wait_until(lambda: HTTP.get(ready, timeout=5).is_success, "the second one is ready")
            yield url


@contextmanager
def fresh_checkout() -> Iterator[Checkout]:
    """Make a copy in a folder with a space in its name, on ports of its own; afterwards nothing of it is left."""
    # Not pytest's tmp_path: that keeps the last three runs, and one is 2 GB.
    base = Path(tempfile.mkdtemp(prefix="yolo-native-"))
    names = list(PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    keep = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    path = _path_without_java(base / "bin")
    env = {**keep, **PATIENT, "PATH": path, **{name: str(port) for name, port in ports.items()}}
    found = Checkout(copy_tree(base / "yolo serving"), env, ports)
    try:
        yield found
    finally:
        found.run("scripts/down.sh")
        left = [process.cmdline() for process in found.processes("")]
        shutil.rmtree(base)
        assert not left, "down.sh left processes"


def _path_without_java(directory: Path) -> str:
    """Return a PATH on which everything but Java is found."""
    directory.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        if Path(folder).is_dir():
            for program in Path(folder).iterdir():
                link = directory / program.name
                if not program.name.startswith("java") and not link.exists() and not link.is_symlink():
                    link.symlink_to(program)
    return str(directory)
