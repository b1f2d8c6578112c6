"""The Compose project as the tests see it: a copy of the tree, ports of its own, and docker commands in it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.engine import TEST_IMAGES, Engine
from tests.support import copy_tree, free_ports
from tests.support.deployment import PATIENT, Deployment
from tests.support.endpoints import HTTP, TIMEOUT_S

# The owner of the checkout in an engine of the tests: neither root nor the uid of the images, so that a file of the
# wrong user shows.
OWNER = 12345

_PORTS = ("GATEWAY_PORT", "INFERENCE_PORT", "MANAGEMENT_PORT")
_FOREIGN = (
    "WEIGHTS",
    "BIND",
    "INFERENCE_BIND",
    "AUTH",
    "MODEL_STORE",
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "VIRTUAL_ENV",
)


@dataclass(frozen=True)
class Stack(Deployment):
    """A checkout and its project. Commands run in `root`, as `user` where that can be chosen."""

    project: str
    root: Path
    environment: dict[str, str]
    ports: dict[str, int]
    user: int | None

    def run(self, *argv: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a person with this checkout would; output of both streams in `stdout`."""
        identity: dict[str, Any] = {}
        if self.user is not None:
            identity = {"user": self.user, "group": self.user, "extra_groups": [_socket_group(self.environment)]}
        return subprocess.run(
            argv,
            cwd=cwd or self.root,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1500,
            check=False,
            **identity,
        )

    def script(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("bash", *argv, **environment)

    def start(self) -> None:
        self.go("scripts/up.sh", "--docker")

    def up(self, *options: str, **environment: str) -> None:
        """Start what does not run, or runs with other settings, and wait until it is healthy."""
        done = self.run("docker", "compose", "up", "-d", "--wait", *options, **environment)
        if done.returncode:
            logs = self.run("docker", "compose", "logs", "--no-color", "--tail", "40").stdout
            pytest.fail(f"up failed:\n{done.stdout[-3000:]}\n{logs[-4000:]}", pytrace=False)

    def with_settings(self, **settings: str) -> Stack:
        """Return the same stack, whose commands have these settings."""
        return replace(self, environment={**self.environment, **settings})

    def compose(self, *argv: str) -> str:
        """Run `docker compose` and return what it printed. Fails the test when it fails."""
        done = self.run("docker", "compose", *argv)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def docker(self, *argv: str) -> str:
        """Run `docker` and return what it printed. Fails the test when it fails."""
        done = self.run("docker", *argv)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        """The engine's own description of a service's container."""
        (container,) = self.compose("ps", "--all", "--quiet", service).split()
        return self.inspected(container)

    def inspected(self, container: str) -> dict[str, Any]:
        """The engine's own description of a container."""
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", container))
        return found[0]

    def services(self) -> list[str]:
        return self.compose("config", "--services").split()

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers that run."""
        return self.compose("ps", "--quiet", service).split()

    def kill(self, service: str) -> None:
        """Kill the main process of a service that has one container."""
        self.kill_container(self.inspect(service)["Id"])

    def kill_container(self, container: str) -> None:
        """Kill the main process of a container from outside, as the kernel would. Its image has Python.

        After `docker kill` the engine would not restart the container: it counts as stopped on purpose.
        """
        code = "import os, sys; os.kill(int(sys.argv[1]), 9)"
        description = self.inspected(container)
        self.docker(
            *("run", "--rm", "--pid", "host", "--user", "0", "--network", "none", "--entrypoint", "python"),
            *(description["Config"]["Image"], "-c", code, str(description["State"]["Pid"])),
        )

    def predict(self, *, timeout: float = TIMEOUT_S, **request: Any) -> httpx.Response:
        """Ask the gateway; without arguments, about the sample picture."""
        if not request:
            request = {"files": {"file": ("street.jpg", self.street.read_bytes(), "image/jpeg")}}
        return HTTP.post(f"{self.gateway}/predict", timeout=timeout, **request)

    def left_overs(self) -> dict[str, list[str]]:
        """What the engine still holds of this project."""
        of_project = ("--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        return {
            "containers": self.docker("ps", "--all", *of_project).split(),
            "networks": self.docker("network", "ls", *of_project).split(),
            "volumes": self.docker("volume", "ls", *of_project).split(),
        }


def make(engine: Engine, folder: Path, project: str) -> Stack:
    """A fresh copy of the tree in `folder`, as a clone would be, with a project name and ports of its own."""
    root = copy_tree(folder / "yolo serving")  # the space is meant: paths with one must work
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    user = OWNER if engine.ours else None
    environment = {
        **{key: value for key, value in engine.environment.items() if key not in _FOREIGN},
        **{name: str(port) for name, port in ports.items()},
        **PATIENT,
        "COMPOSE_PROJECT_NAME": project,
        **TEST_IMAGES,
        "BUILDX_CONFIG": str(folder / "buildx"),
        "HOME": str(folder),
    }
    if user is not None:
        folder.chmod(0o755)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, user, user)
    return Stack(project, root, environment, ports, user)


def _socket_group(environment: dict[str, str]) -> int:
    """The group that may use the engine's socket."""
    socket = Path(environment["DOCKER_HOST"].removeprefix("unix://"))
    found = socket.stat()
    assert stat.S_ISSOCK(found.st_mode)
    return found.st_gid
