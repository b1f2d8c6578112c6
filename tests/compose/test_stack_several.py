"""Three TorchServes and two gateways behind Caddy, under eight clients: one of each is lost, and nothing is missed."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.stack import Stack
from tests.support import clients, free_ports, wait_until
from tests.support.archives import left_over
from tests.support.caddy import Edge
from tests.support.deployment import BASE, QUICK, RELEASED_TO
from tests.support.endpoints import HTTP
from tests.support.load import Load

KEPT = "kept"
TORCHSERVES = 3
GATEWAYS = 2
# More than a picture of the tests has.
HELD_BYTES = 1 << 20
# From GATEWAY_PORT on: one that is restarted may get another one of them.
PORTS = 4


@dataclass
class Several:
    """The stack, whose commands have the settings of several servers, and the edge in front of it."""

    stack: Stack
    edge: Edge

    def gateways(self) -> dict[str, list[dict[str, Any]]]:
        """The URL of each gateway that answers, with what it says of each TorchServe."""
        first = self.stack.ports["GATEWAY_PORT"]
        asked = {url: instances_at(url) for url in (f"http://127.0.0.1:{first + one}" for one in range(PORTS))}
        return {url: found for url, found in asked.items() if found is not None}

    def instances(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What the gateways say of the TorchServes, by both."""
        return {(url, one["name"]): one for url, found in self.gateways().items() for one in found}

    def await_all(self, torchserves: int = TORCHSERVES) -> None:
        """Wait until every gateway sends requests to each of so many TorchServes."""

        def are_in() -> bool:
            found = self.instances()
            gateways, names = {url for url, _ in found}, {name for _, name in found}
            sizes = len(gateways), len(names), len([one for one in found.values() if one["ready"]])
            return sizes == (GATEWAYS, torchserves, GATEWAYS * torchserves)

        wait_until(are_in, f"{GATEWAYS} gateways use {torchserves} TorchServes")

    def requests(self) -> Counter[tuple[str, str]]:
        """How many requests each TorchServe got from each gateway."""
        return Counter({pair: one["requests"] for pair, one in self.instances().items()})

    def await_requests(self) -> None:
        """Wait until each TorchServe has got more requests from each gateway."""
        before = self.requests()

        def have_grown() -> bool:
            now = self.requests()
            return now.keys() == before.keys() and all(now[pair] > before[pair] for pair in now)

        wait_until(have_grown, "each gateway asks each TorchServe")

    def scale(self, torchserves: int) -> None:
        """Start or remove some, as the page of the documentation says; the others stay as they are."""
        before = self.stack.containers("torchserve")
        self.stack.compose("up", "-d", "--scale", f"torchserve={torchserves}")
        after = self.stack.containers("torchserve")
        assert len(set(before) & set(after)) == min(len(before), torchserves)


def instances_at(url: str) -> list[dict[str, Any]] | None:
    """Return what a gateway says of the TorchServes; None where no gateway answers."""
    try:
        answer = HTTP.get(f"{url}/models", timeout=30)
    except httpx.HTTPError:
        return None
    models = answer.json()["models"] if answer.status_code == 200 else []
    return [one for model in models for one in model.get("instances", [])]


def shown_in_metrics(gateway: str) -> set[str]:
    """Return the names of the TorchServes in the metrics of a gateway."""
    text = HTTP.get(f"{gateway}/metrics", timeout=30).text
    return set(re.findall(r'^gateway_instance_ready\{instance="([^"]+)"', text, re.MULTILINE))


def is_even(got: Counter[str], servers: int) -> bool:
    mean = got.total() / servers
    return len(got) == servers and all(abs(one - mean) <= 0.2 * mean for one in got.values())


@pytest.fixture(scope="module")
def several(running: Stack, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    """Three TorchServes with the base version, two gateways, Redis and the edge."""
    single = running.with_settings(**RELEASED_TO)
    single.compose("up", "-d")
    single.settle()
    if not (single.store / f"yolo-{KEPT}.mar").exists():
        single.archive(KEPT, prefix="kept ")
    http_port, https_port = free_ports(2)
    stack = single.with_settings(
        **images,
        COMPOSE_PROFILES="edge,redis",
        TORCHSERVE_REPLICAS=str(TORCHSERVES),
        INFERENCE_PORT="0",
        MANAGEMENT_PORT="0",
        GATEWAY_REPLICAS=str(GATEWAYS),
        GATEWAY_PORT_LAST=str(single.ports["GATEWAY_PORT"] + PORTS - 1),
        EDGE_BIND="127.0.0.1",
        EDGE_HTTP_PORT=str(http_port),
        EDGE_HTTPS_PORT=str(https_port),
        EDGE_RETRY_BYTES=str(HELD_BYTES),
        AUTH="off",  # the edge is taken for the open internet
        REDIS_URL="redis://redis:6379/0",
        RATE_LIMIT="100000/day",
    )
    try:
        stack.up()
        folder: Path = tmp_path_factory.mktemp("edge")
        authority = folder / "root.crt"
        certificate = ("exec", "-T", "edge", "cat", "/data/caddy/pki/authorities/local/root.crt")
        authority.write_text(stack.compose(*certificate))
        yield Several(stack, Edge("localhost", http_port, https_port, authority, folder / "none.log"))
    finally:
        stack.run("docker", "compose", "down", "--volumes", "--timeout", "2")


@contextmanager
def busy(several: Several) -> Iterator[Load]:
    """Eight clients ask the edge all the time; afterwards none of their requests was lost."""
    picture = several.stack.street.read_bytes()
    assert len(picture) < HELD_BYTES
    refused: list[str] = []
    with several.edge.client(http2=False) as client:

        def ask() -> httpx.Response:
            answer = several.edge.ask(client, "POST", "/predict", params=QUICK, files={"file": picture}, timeout=90)
            if answer.status_code != 200:
                refused.append(f"{time.strftime('%X')} {answer.text}")
            return answer

        with clients(8, ask) as load:
            load.fresh()
            yield load
    print(f"answers: {Counter((answer.status, answer.version) for answer in load.answers)}")
    assert not refused, refused[:3] + refused[-3:]
    assert load.statuses == {200}


def test_requests_are_shared_evenly_and_each_server_is_shown(several: Several) -> None:
    several.await_all()
    with busy(several) as load:
        before = several.requests()
        load.fresh(60)
        got = several.requests() - before
    of_gateways, of_torchserves = Counter[str](), Counter[str]()
    for (gateway, torchserve), count in got.items():
        of_gateways[gateway] += count
        of_torchserves[torchserve] += count
    print(f"of each TorchServe: {list(of_torchserves.values())}; of each gateway: {list(of_gateways.values())}")
    assert is_even(of_torchserves, TORCHSERVES), got
    assert is_even(of_gateways, GATEWAYS), got
    for url in several.gateways():
        assert shown_in_metrics(url) == set(of_torchserves)
    # One limit holds for both gateways.
    left = [int(HTTP.get(f"{url}/models").headers["ratelimit-remaining"]) for url in several.gateways()]
    assert left[1] < left[0]


def test_those_that_are_killed_lose_nothing_and_come_back(several: Several) -> None:
    several.await_all()
    killed = [several.stack.containers(service)[0] for service in ("torchserve", "api-gateway")]
    with busy(several) as load:
        for one in killed:
            several.stack.kill_container(one)
            load.fresh()
        wait_until(
            lambda: [several.stack.inspected(one)["RestartCount"] for one in killed] == [1, 1], "both were restarted"
        )
        several.await_all()
        several.await_requests()


def test_one_that_is_restarted_and_one_that_is_scaled_away_lose_nothing(several: Several) -> None:
    # A TorchServe. A gateway that is restarted is not promised to lose nothing: docs/scaling.md, Limits.
    several.await_all()
    with busy(several) as load:
        several.stack.docker("restart", several.stack.containers("torchserve")[1])
        several.await_all()
        several.scale(2)
        several.await_all(2)
        load.fresh()
        several.scale(3)
        several.await_all()
        several.await_requests()


def test_a_redeploy_and_a_canary_reach_each_and_lose_nothing(several: Several) -> None:
    several.await_all()
    stack = several.stack

    def versions() -> set[str]:
        return {one["version"] for one in several.instances().values()}

    with busy(several) as load:
        assert load.fresh_versions() == {BASE}
        release = ("run", "--rm", "-T", "--no-deps", "release")
        stack.compose(*release, "redeploy", "any.pt", "--packaged", KEPT, "--accept-drift")
        assert load.fresh_versions() == {KEPT}
        wait_until(lambda: versions() == {KEPT}, "each has the new version")
        stack.go("scripts/canary.sh", "start", BASE, "--percent", "50", "--accept-drift")
        assert load.fresh_versions() == {BASE, KEPT}
        shown = re.findall(r"^http://[0-9.]+:8000:$", stack.go("scripts/canary.sh", "status"), re.MULTILINE)
        assert len(set(shown)) == GATEWAYS, "the status has each gateway"
        stack.go("scripts/canary.sh", "promote")
        assert load.fresh_versions() == {BASE}
        wait_until(lambda: versions() == {BASE}, "each has the canary's version")
    assert left_over(stack.store) == set()


def test_without_any_torchserve_the_gateways_know_of_none_and_say_so(several: Several) -> None:
    several.stack.compose("stop", "--timeout", "2", "torchserve")
    for url in several.gateways():
        wait_until(lambda url=url: not shown_in_metrics(url), "the name has no TorchServe")
        assert HTTP.get(f"{url}/health", timeout=30).status_code == 503
