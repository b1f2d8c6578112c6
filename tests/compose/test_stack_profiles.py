"""The profiles edge and cache in Compose: Caddy and Redis as the compose files confine them.

No registry can be counted on, so both images are made of Debian's packages, the way the official ones are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.compose.engine import Engine
from tests.compose.stack import Stack
from tests.support import free_ports
from tests.support.caddy import Edge

DOCKERFILES = {
    # Where it keeps its certificates is said in the official image, too.
    "CADDY_IMAGE": "RUN apt-get install -y --no-install-recommends caddy wget\n"
    "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data\n",
    "REDIS_IMAGE": "RUN apt-get install -y --no-install-recommends redis-server\n",
}


@pytest.fixture(scope="module")
def images(running: Stack, engine: Engine) -> dict[str, str]:
    """The images to use, by the variable that names each."""
    found = {}
    for variable, lines in DOCKERFILES.items():
        found[variable] = f"yolo-serving/test-{variable.removesuffix('_IMAGE').lower()}:bookworm"
        folder = running.root / variable
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(f"FROM {engine.environment['BASE_IMAGE']}\nRUN apt-get update\n{lines}")
        running.docker("build", "--quiet", "--tag", found[variable], str(folder))
    return found


@pytest.fixture
def profiles(running: Stack, images: dict[str, str]) -> Iterator[tuple[Stack, dict[str, str]]]:
    """The stack with both profiles, and the environment that its commands need."""
    http_port, https_port = map(str, free_ports(2))
    environment = {
        **images,
        "COMPOSE_PROFILES": "edge,cache",
        "EDGE_BIND": "127.0.0.1",
        "EDGE_HTTP_PORT": http_port,
        "EDGE_HTTPS_PORT": https_port,
        "AUTH": "off",  # the edge is taken for the open internet; test_stack_auth.py has the keys
        "CACHE": "redis",
        "REDIS_URL": "redis://redis:6379/0",
    }
    try:
        started = running.run("docker", "compose", "up", "-d", "--wait", **environment)
        assert started.returncode == 0, started.stdout
        yield running, environment
    finally:
        running.run("docker", "compose", "down", "--volumes", "--timeout", "5", **environment)


def test_https_is_answered_from_the_cache_and_without_redis_as_well(profiles, tmp_path: Path) -> None:
    stack, environment = profiles

    def compose(*argv: str) -> str:
        done = stack.run("docker", "compose", *argv, **environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    for name, capabilities in {"edge": ["NET_BIND_SERVICE"], "redis": []}.items():
        (container,) = compose("ps", "--quiet", name).split()
        found = stack.inspected(container)
        assert found["State"]["Health"]["Status"] == "healthy"
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert [right.removeprefix("CAP_") for right in found["HostConfig"]["CapAdd"] or []] == capabilities
    authority = tmp_path / "root.crt"
    authority.write_text(compose("exec", "-T", "edge", "cat", "/data/caddy/pki/authorities/local/root.crt"))
    ports = int(environment["EDGE_HTTP_PORT"]), int(environment["EDGE_HTTPS_PORT"])
    edge = Edge("localhost", *ports, authority, tmp_path / "none.log")
    with edge.client() as client:

        def ask() -> httpx.Response:
            answer = edge.ask(client, "POST", "/predict", files={"file": stack.street.read_bytes()}, timeout=60)
            assert answer.status_code == 200, answer.text
            return answer

        first, second = ask(), ask()
        assert first.http_version == "HTTP/2"
        assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
        assert first.json()["detections"] == second.json()["detections"] != []
        assert httpx.get(f"http://127.0.0.1:{ports[0]}/", headers={"Host": "localhost"}).status_code == 308
        away = stack.run(
            *("docker", "compose", "exec", "-T", "edge", "wget", "-q", "-T", "3", "-O", "-"),
            "http://torchserve:8085/ping",
            **environment,
        )
        assert away.returncode != 0, "the edge sees no model server"
        compose("stop", "redis")
        assert ask().json()["detections"] == first.json()["detections"]
