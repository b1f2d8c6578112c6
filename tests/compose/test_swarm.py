"""The stack of `deploy/swarm/` on a swarm of one node: deployed, updated and rolled back while eight clients ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ops import keys
from tests.compose import swarm as swarms
from tests.compose.engine import Engine
from tests.compose.service_images import build, build_edge_and_redis
from tests.compose.stack import Stack
from tests.compose.swarm import STACK, Swarm
from tests.support import cannot_run, free_ports, wait_until
from tests.support.caddy import Edge
from tests.support.deployment import BASE, RELEASED_TO
from tests.support.load import Load, clients

KEPT = "kept"
RELEASE = "yolo-serving/test-release"
#: As much as the tasks of the small models need: start-first has one more than there are.
RESERVED = {"TORCHSERVE_RESERVED_MEMORY": "128m"}


def identifier(checkout: Stack, image: str) -> str:
    """Return the id of an image: for a name, Swarm would ask a registry each time."""
    return checkout.docker("image", "inspect", "--format", "{{.Id}}", image).strip()


@pytest.fixture(scope="module")
def checkout(running: Stack) -> Stack:
    """The checkout with its images and two small versions; its own service is stopped."""
    running.keep_base()
    running.archive(KEPT, prefix="kept ")
    running.compose("down")
    return running.with_settings(DOCKER_BUILDKIT="1")


@pytest.fixture(scope="module")
def releases(checkout: Stack) -> dict[str, str]:
    """The id of each version's image, built as docs/swarm.md says, and of one whose archive is cut short."""
    for version in (BASE, KEPT):
        checkout.docker(
            *("build", "--quiet", "--file", "deploy/swarm/Dockerfile", "--tag", f"{RELEASE}:{version}"),
            *("--build-arg", "TORCHSERVE=yolo-serving/torchserve:test", "--build-arg", f"VERSION={version}"),
            str(checkout.store),
        )
    broken = build(checkout, "BROKEN_IMAGE", f"FROM {RELEASE}:{KEPT}\nRUN truncate --size 1000 model-store/yolo.mar\n")
    names = {**{version: f"{RELEASE}:{version}" for version in (BASE, KEPT)}, "broken": broken}
    return {name: identifier(checkout, image) for name, image in names.items()}


@pytest.fixture(scope="module")
def gateways(checkout: Stack) -> dict[str, str]:
    """The id of the gateway's image, and of one that is newer."""
    first = "yolo-serving/api-gateway:test"
    newer = build(checkout, "NEWER_IMAGE", f"FROM {first}\nLABEL newer=true\n")
    return {"first": identifier(checkout, first), "newer": identifier(checkout, newer)}


@pytest.fixture(scope="module")
def swarm(
    checkout: Stack,
    engine: Engine,
    releases: dict[str, str],
    gateways: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Swarm]:
    """The deployed stack, whose tasks are healthy."""
    if checkout.docker("info", "--format", "{{.Swarm.LocalNodeState}}").strip() != "inactive":
        cannot_run("compose ring: the engine is a node of a swarm already, which is left alone")
    folder = tmp_path_factory.mktemp("swarm")
    http_port, https_port = free_ports(2)
    images = build_edge_and_redis(checkout, engine.environment["BASE_IMAGE"])
    deployed = checkout.with_settings(
        **{variable: identifier(checkout, image) for variable, image in images.items()},
        TORCHSERVE_IMAGE=releases[BASE],
        GATEWAY_IMAGE=gateways["first"],
        EDGE_HTTP_PORT=str(http_port),
        EDGE_HTTPS_PORT=str(https_port),
        **RESERVED,
        **RELEASED_TO,
    )
    swarms.make_quick(deployed)
    key = keys.add(folder / "api_keys.jsonl", "swarm", ["predict"], None)
    key_file = checkout.root / "keys.jsonl"
    key_file.write_text((folder / "api_keys.jsonl").read_text())
    with swarms.single_node(deployed):
        deployed.docker("secret", "create", "yolo-api-keys-1", key_file.name)
        swarms.deploy(deployed)
        (container,) = swarms.running(deployed, "edge")
        authority = folder / "root.crt"
        authority.write_text(deployed.docker("exec", container, "cat", "/data/caddy/pki/authorities/local/root.crt"))
        edge = Edge("localhost", http_port, https_port, authority, folder / "none.log")
        with edge.client(http2=False) as client:
            found = Swarm(deployed, edge, client, key)
            wait_until(lambda: found.ask().status_code == 200, "an image is answered")
            yield found


@contextmanager
def busy(swarm: Swarm) -> Iterator[Load]:
    """Eight clients ask all the time. Afterwards none of their requests was lost."""
    with clients(8, swarm.ask) as load:
        assert load.fresh_versions() == {BASE}
        yield load
    print(f"answers: {Counter((answer.status, answer.version) for answer in load.answers)}")
    assert load.statuses == {200}
    for answer in load.answers:
        assert answer.classes <= swarm.checkout.names(str(answer.version))


def test_the_stack_answers_at_the_edge_alone_and_only_to_those_who_have_a_key(swarm: Swarm) -> None:
    answer = swarm.ask()
    assert answer.json()["model"] == {"name": "yolo", "version": BASE}
    assert swarm.ask(**{"X-API-Key": "none"}).status_code == 401
    models = swarm.edge.ask(swarm.client, "GET", "/models", headers={"X-API-Key": swarm.key}).json()["models"]
    assert [one["ready"] for one in models[0]["instances"]] == [True, True]
    for name in swarms.SERVICES:
        for found in swarm.containers(name):
            assert bool(found["HostConfig"]["PortBindings"]) is (name == "edge"), name


@pytest.mark.parametrize("name", swarms.SERVICES)
def test_a_task_runs_without_rights_it_does_not_need(swarm: Swarm, name: str) -> None:
    for found in swarm.containers(name):
        host = found["HostConfig"]
        assert found["Config"]["User"] == ("0:0" if name == "edge" else "10001:10001")
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
        given = [right.removeprefix("CAP_") for right in host["CapAdd"] or []]
        assert given == (["NET_BIND_SERVICE"] if name == "edge" else [])
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert not host["Privileged"]
        code = "grep CapEff /proc/1/status"
        effective = swarm.checkout.docker("exec", found["Id"], "sh", "-c", code).split()[1]
        assert (int(effective, 16) == 0) is (name != "edge")


def test_eight_clients_lose_no_request_while_both_services_are_updated_and_rolled_back(
    swarm: Swarm, releases: dict[str, str], gateways: dict[str, str]
) -> None:
    def serving() -> set[str]:
        return {found["Image"] for name in ("torchserve", "api-gateway") for found in swarm.containers(name)}

    with busy(swarm) as load:
        swarm.update("torchserve", "--image", releases[KEPT])
        swarm.update("api-gateway", "--image", gateways["newer"])
        ended = swarm.wait_for_update("torchserve", "api-gateway")
        assert set(ended.values()) == {"completed"}
        assert load.fresh_versions() == {KEPT}
        assert serving() == {releases[KEPT], gateways["newer"]}
        swarm.roll_back("torchserve")
        swarm.roll_back("api-gateway")
        ended = swarm.wait_for_update("torchserve", "api-gateway")
        assert set(ended.values()) == {"rollback_completed"}
        assert load.fresh_versions() == {BASE}
        assert serving() == {releases[BASE], gateways["first"]}


def test_an_update_to_what_cannot_serve_is_rolled_back_automatically_and_no_client_sees_it(
    swarm: Swarm, releases: dict[str, str]
) -> None:
    with busy(swarm) as load:
        swarm.update("torchserve", "--image", releases["broken"])
        swarm.update("api-gateway", "--env-add", "MAX_BODY_BYTES=none")
        ended = swarm.wait_for_update("torchserve", "api-gateway")
        assert set(ended.values()) == {"rollback_completed"}
        assert load.fresh_versions() == {BASE}
    tasks = swarm.checkout.docker("stack", "ps", "--no-trunc", STACK)
    assert "Failed" in tasks
