"""The real TorchServe and gateway, set up by up.sh in a fresh copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from ops.system.settings import PORTS
from tests.native.service import Service
from tests.support import copy_tree, free_ports, wait_until


@dataclass
class Checkout:
    """A copy of the tree and the environment that its scripts run in."""

    root: Path
    env: dict[str, str]
    ports: dict[str, int]

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}"

    @property
    def inference(self) -> str:
        return f"http://127.0.0.1:{self.ports['INFERENCE_PORT']}"

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the checkout as a person would; output of both streams in `stdout`."""
        return subprocess.run(
            ["bash", *argv],
            cwd=self.root,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

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

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.gateway}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        wait_until(self.ready, "the service is ready")

    def log(self, name: str) -> str:
        return (self.root / ".run" / "logs" / f"{name}.log").read_text(errors="replace")


def path_without_java(directory: Path) -> str:
    """Return a PATH on which everything but Java is found: what a machine without Java has."""
    directory.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        if Path(folder).is_dir():
            for program in Path(folder).iterdir():
                link = directory / program.name
                if not program.name.startswith("java") and not link.exists() and not link.is_symlink():
                    link.symlink_to(program)
    return str(directory)


@pytest.fixture(scope="session")
def checkout() -> Iterator[Checkout]:
    """A fresh copy, in a folder with a space in its name, on ports of its own, where no Java and no Docker is found."""
    # Not pytest's tmp_path: that keeps the last three runs, and one is 2 GB.
    base = Path(tempfile.mkdtemp(prefix="yolo-native-"))
    names = list(PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    keep = {name: value for name, value in os.environ.items() if name not in {"JAVA_HOME", "WEIGHTS", "VIRTUAL_ENV"}}
    env = {**keep, "PATH": path_without_java(base / "bin"), **{name: str(port) for name, port in ports.items()}}
    found = Checkout(copy_tree(base / "yolo serving"), env, ports)
    try:
        yield found
    finally:
        found.run("scripts/down.sh")
        left = [process.cmdline() for process in found.processes("")]
        shutil.rmtree(base)
        assert not left, "down.sh left processes"


@pytest.fixture(scope="session")
def first_up(checkout: Checkout) -> subprocess.CompletedProcess[str]:
    """The very first `up.sh` on a machine with only Python: set-up, demonstration weights, archive, services."""
    done = checkout.run("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    return done


@pytest.fixture
def service(checkout: Checkout, first_up: subprocess.CompletedProcess[str]) -> Checkout:
    """The running, ready service; started again where a test before stopped it."""
    if not checkout.processes(""):
        done = checkout.run("scripts/up.sh", "--native")
        assert done.returncode == 0, done.stdout
    checkout.wait_ready()
    return checkout


@pytest.fixture(scope="module")
def started(checkout: Checkout, first_up: subprocess.CompletedProcess[str]) -> Service:
    """The running service and its model store, for tests that release to it."""
    done = checkout.run("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    return Service(checkout)
