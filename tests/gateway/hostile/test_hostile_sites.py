"""What docs/security.md promises, held by a real gateway process that downloads images from hostile servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.hostile.sites import SITES, Sites
from tests.gateway.hostile.test_invariants import Running, find_problem, post
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.gateway_process import running_gateway

#: As much as an image may have.
MOST_BYTES = 20 * 2**20


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    found = Sites()
    yield found
    found.close()


@pytest.fixture(scope="module")
def gateway(
    _running: tuple[FakeTorchServe, str], sites: Sites, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    _, backend = _running
    netrc: Path = tmp_path_factory.mktemp("secrets") / "netrc"
    netrc.write_text("machine 127.0.0.1 login admin password secret\n")
    netrc.chmod(0o600)
    with running_gateway(
        AUTH="off",
        TORCHSERVE_INFERENCE_URL=backend,
        TORCHSERVE_MANAGEMENT_URL=backend,
        URL_ALLOW=f"127.0.0.1:{sites.port}",
        URL_ALLOW_PRIVATE="127.0.0.0/8",
        URL_NETRC_FILE=str(netrc),
        URL_TIMEOUT_S="3",
    ) as running:
        ask(running[0], f"http://127.0.0.1:{sites.port}/")  # what is loaded at the first download
        yield running


def ask(gateway: str, url: str) -> httpx.Response:
    return post(gateway, "/predict", ({"Content-Type": "application/json"}, json.dumps({"url": url}).encode()))


@pytest.mark.parametrize("name", SITES)
def test_a_hostile_site_costs_what_an_image_costs(gateway: Running, sites: Sites, name: str) -> None:
    # A slow site takes seconds.
    assert not find_problem(gateway, lambda: ask(gateway[0], sites.url(name)), MOST_BYTES, pause_s=0.05)
