"""The stack for Docker Swarm against the Compose files: what is not different on purpose is equal."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support import ROOT, documents
from tests.support.answering import answering

STACK = yaml.safe_load((ROOT / "deploy/swarm/stack.yml").read_text())
NAMES = ("torchserve", "api-gateway", "edge", "redis")
#: What a swarm sets itself, or has in another form that is compared below.
COMPOSE_ONLY = {
    *("pull_policy", "restart", "scale", "build", "depends_on", "profiles", "security_opt", "ports", "networks"),
    *("environment", "volumes", "tmpfs", "logging", "image", "mem_limit", "pids_limit", "cpus"),
    *("command", "healthcheck"),
}
#: Environment variables that are different, or in one of the two alone, by service.
DIFFERENT = {
    "torchserve": {"ALLOWED_HOSTS", "MODELS_FILE"},
    "api-gateway": {
        *("TORCHSERVE_INFERENCE_URL", "TORCHSERVE_MANAGEMENT_URL", "TORCHSERVE_SERVERS", "ROUTING_FILE"),
        *("PUBLISHED_BIND", "PUBLISHED_PROFILES", "API_KEYS_FILE", "MODELS_FILE", "REDIS_URL"),
    },
    "edge": {"AUTH", "PUBLISHED_PROFILES"},  # for Compose's own check before the start
    "redis": set(),
}
SIZES = {"k": 2**10, "m": 2**20, "g": 2**30}


def compose() -> dict[str, dict[str, Any]]:
    files = ["docker-compose.yml", "deploy/compose/edge.yml", "deploy/compose/redis.yml"]
    return {
        name: service
        for file in files
        for name, service in yaml.safe_load((ROOT / file).read_text())["services"].items()
    }


def size(text: str) -> int:
    """Return a size such as 2g, or ${NAME:-2g}, in bytes."""
    found = re.fullmatch(r"(?:\$\{[A-Z_]+:-)?(\d+)([kmg])\}?", text)
    assert found, text
    return int(found[1]) * SIZES[found[2]]


@pytest.mark.parametrize("name", NAMES)
def test_a_service_of_the_stack_equals_the_one_of_compose(name: str) -> None:
    here, there = STACK["services"][name], compose()[name]
    assert {key: value for key, value in there.items() if key not in COMPOSE_ONLY} == {
        key: here[key] for key in there.keys() - COMPOSE_ONLY
    }
    limits = here["deploy"]["resources"]["limits"]
    assert (limits["memory"], limits["pids"]) == (there["mem_limit"], there["pids_limit"])
    assert limits.get("cpus") == there.get("cpus")
    assert (here["read_only"], here["cap_drop"]) == (True, ["ALL"])
    assert set(here["networks"]) == set(there["networks"]) - {"published"}
    log = {key: value for key, value in there["logging"]["options"].items() if key != "labels"}
    assert here["logging"] == {"driver": "json-file", "options": log}


@pytest.mark.parametrize("name", NAMES)
def test_a_service_has_the_environment_of_compose(name: str) -> None:
    here, there = STACK["services"][name].get("environment", {}), compose()[name].get("environment", {})
    assert {key for key in here.keys() | there.keys() if here.get(key) != there.get(key)} == DIFFERENT[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_service_has_as_much_memory_for_files_as_in_compose(name: str) -> None:
    mounts = STACK["services"][name]["volumes"]
    here = {mount["target"]: mount["tmpfs"]["size"] for mount in mounts if mount["type"] == "tmpfs"}
    there = {}
    for line in compose()[name]["tmpfs"]:
        target, _, options = line.partition(":")
        there[target] = size(options.rpartition("size=")[2])
    assert here == there


def test_the_health_checks_are_those_of_compose_but_the_gateways() -> None:
    for name in ("torchserve", "edge", "redis"):
        assert STACK["services"][name]["healthcheck"] == compose()[name]["healthcheck"], name
    assert STACK["services"]["redis"]["command"] == compose()["redis"]["command"]


def test_a_gateway_is_healthy_once_it_is_ready_and_later_as_long_as_it_answers(tmp_path: Path) -> None:
    _, _, *arguments = STACK["services"]["api-gateway"]["healthcheck"]["test"]
    ready, asked = 503, []

    def gateway(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200 if request.url.path == "/health/live" else ready)

    with answering(gateway) as url:
        here = {"8000": url.rpartition(":")[2], "/tmp": str(tmp_path)}
        code = re.sub("8000|/tmp", lambda found: here[found[0]], arguments[-1])

        def check() -> int:
            return subprocess.run([sys.executable, *arguments[:-1], code], check=False).returncode

        assert check() == 1
        ready = 200
        assert check() == 0
        ready = 503
        assert check() == 0
    assert asked == ["/health/ready", "/health/ready", "/health/live"]


@pytest.mark.parametrize(("name", "image"), [("edge", "CADDY_IMAGE"), ("redis", "REDIS_IMAGE")])
def test_images_of_other_projects_are_those_of_compose(name: str, image: str) -> None:
    assert STACK["services"][name]["image"] == compose()[name]["image"]
    assert image in STACK["services"][name]["image"]


def test_the_image_of_a_server_has_to_be_named() -> None:
    """Somebody else could publish an image under a name that only this machine has."""
    for name in ("torchserve", "api-gateway"):
        assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:\?.+\}", STACK["services"][name]["image"])


@pytest.mark.parametrize("name", ["torchserve", "api-gateway"])
def test_a_server_is_updated_without_a_gap_and_rolled_back_where_the_new_one_fails(name: str) -> None:
    deploy = STACK["services"][name]["deploy"]
    assert (deploy["update_config"]["order"], deploy["rollback_config"]["order"]) == ("start-first", "start-first")
    assert (deploy["update_config"]["failure_action"], deploy["update_config"]["max_failure_ratio"]) == ("rollback", 0)
    assert deploy["endpoint_mode"] == "dnsrr"


def test_only_the_edge_publishes_ports_and_only_the_gateway_has_the_keys() -> None:
    services = STACK["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["edge"]
    assert {port["mode"] for port in services["edge"]["ports"]} == {"host"}
    assert [name for name, service in services.items() if "secrets" in service] == ["api-gateway"]
    assert services["api-gateway"]["environment"]["PUBLISHED_PROFILES"] == "edge", "it requires API keys"
    assert [name for name, network in STACK["networks"].items() if not network.get("internal")] == ["edge"]


def test_every_variable_that_the_stack_alone_has_is_explained() -> None:
    text = (ROOT / "deploy/swarm/stack.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    own = {name for name in re.findall(r"(?<!\$)\$\{([A-Z_]+)", text) if not re.search(rf"^{name}=", example, re.M)}
    rows = documents.table_rows("| variable of the stack |")
    assert {row[0].strip("`") for row in rows} >= own


def test_the_image_of_a_release_has_the_users_rights_of_the_servers() -> None:
    lines = (ROOT / "deploy/swarm/Dockerfile").read_text().splitlines()
    assert "ARG TORCHSERVE=yolo-serving/torchserve:local" in lines
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert "COPY --chown=10001:10001 yolo-${VERSION}.mar model-store/yolo.mar" in lines
