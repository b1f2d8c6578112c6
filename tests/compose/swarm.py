"""A swarm of one node in the engine of the tests, and the stack of `deploy/swarm/` on it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.compose.stack import Stack
from tests.support import wait_until
from tests.support.caddy import Edge
from tests.support.deployment import QUICK

STACK = "yolo-swarm-test"
SERVICES = ("torchserve", "api-gateway", "edge", "redis")
_BRIDGE = "docker_gwbridge"  # made by `docker swarm init`, and not removed by `docker swarm leave`
#: Seconds of the stack's file that a test need not wait for, and what they are in the tests. More health checks
#: would take the CPU that the tasks need to start.
_QUICK = {"interval: 5s": "interval: 3s", "monitor: 30s": "monitor: 5s"}
#: Seconds between two looks: each starts a client of Docker.
_PAUSE_S = 1.0
#: Every state of an update in which nothing more happens.
ENDED = {"completed", "paused", "rollback_completed", "rollback_paused"}


@contextmanager
def single_node(checkout: Stack) -> Iterator[None]:
    """Make the engine a swarm of one node for as long as the block lasts."""
    networks = checkout.docker("network", "ls", "--format", "{{.Name}}").split()
    checkout.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    try:
        node = checkout.docker("node", "ls", "--quiet").strip()
        checkout.docker("node", "update", "--label-add", "edge=true", node)
        yield
    finally:
        checkout.run("docker", "swarm", "leave", "--force")
        checkout.run("docker", "volume", "rm", f"{STACK}_edge-data")
        if _BRIDGE not in networks:
            checkout.run("docker", "network", "rm", _BRIDGE)


def make_quick(checkout: Stack) -> None:
    """Have the stack's file of a checkout check and watch more often."""
    path = checkout.root / "deploy/swarm/stack.yml"
    text = path.read_text()
    for given, quick in _QUICK.items():
        assert given in text
        text = text.replace(given, quick)
    path.write_text(text)


@dataclass(frozen=True)
class Swarm:
    """The deployed stack; docker commands run in the checkout."""

    checkout: Stack
    edge: Edge
    client: httpx.Client
    key: str

    def ask(self, **headers: str) -> httpx.Response:
        """Send the sample picture to the edge."""
        picture = {"file": self.checkout.street.read_bytes()}
        headers = {"X-API-Key": self.key, **headers}
        return self.edge.ask(self.client, "POST", "/predict", params=QUICK, files=picture, headers=headers, timeout=90)

    def update(self, service: str, *options: str) -> None:
        """Begin to update a service."""
        command = ("service", "update", "--detach", "--no-resolve-image")
        self.checkout.docker(*command, *options, f"{STACK}_{service}")

    def roll_back(self, service: str) -> None:
        """Begin to roll a service back."""
        self.checkout.docker("service", "rollback", "--detach", f"{STACK}_{service}")

    def wait_for_update(self, *services: str) -> dict[str, str]:
        """Wait until updates have ended; return how, by service."""

        def states() -> dict[str, str]:
            time.sleep(_PAUSE_S)
            found = {service: self.inspect(service).get("UpdateStatus", {}).get("State", "") for service in services}
            return found if set(found.values()) <= ENDED else {}

        found: dict[str, str] = wait_until(states, f"the updates of {services} have ended")
        return found

    def inspect(self, service: str) -> dict[str, Any]:
        """Return the engine's own description of a service."""
        found: list[dict[str, Any]] = json.loads(self.checkout.docker("service", "inspect", f"{STACK}_{service}"))
        return found[0]

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Return the engine's own descriptions of a service's running containers."""
        return [self.checkout.inspected(name) for name in running(self.checkout, service)]


def running(checkout: Stack, service: str) -> list[str]:
    """Return the ids of a service's running containers."""
    label = f"label=com.docker.swarm.service.name={STACK}_{service}"
    return checkout.docker("ps", "--quiet", "--no-trunc", "--filter", label).split()


def deploy(checkout: Stack) -> None:
    """Deploy the stack with the settings of the checkout's commands, and wait until each task is healthy."""
    checkout.docker("stack", "deploy", "--resolve-image", "never", "--compose-file", "deploy/swarm/stack.yml", STACK)
    listing = ("docker", "stack", "services", "--format", "{{.Name}} {{.Replicas}}", STACK)

    def healthy() -> bool:
        time.sleep(_PAUSE_S)
        counts = re.findall(r"(\d+)/(\d+)", checkout.run(*listing).stdout)
        return len(counts) == len(SERVICES) and all(has == wanted != "0" for has, wanted in counts)

    with suppress(pytest.fail.Exception):
        wait_until(healthy, "each task is healthy")
        return
    tasks = checkout.run("docker", "stack", "ps", "--no-trunc", STACK).stdout
    logs = (checkout.run("docker", "service", "logs", "--tail", "20", f"{STACK}_{name}").stdout for name in SERVICES)
    pytest.fail(f"the stack is not healthy:\n{tasks}\n{''.join(logs)[-6000:]}", pytrace=False)
