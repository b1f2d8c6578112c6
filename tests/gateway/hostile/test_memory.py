"""The gateway's memory: within what Compose gives its container, and returned to the system afterwards.

HOSTILE_REQUESTS=20000 lengthens the test of memory that stays.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from PIL import Image

from tests.gateway.hostile.documents import batch
from tests.gateway.hostile.many import FIRST, every_kind, in_looks
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.gateway_process import running_gateway
from tests.support import ROOT
from tests.support.hostile.costs import peak
from tests.support.hostile.promises import GROWTH

HOSTILE_REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "600"))
JSON, PICTURE = {"Content-Type": "application/json"}, {"Content-Type": "image/jpeg"}


@pytest.fixture
def gateway(_running: tuple[FakeTorchServe, str]) -> Iterator[tuple[str, int]]:
    fake, backend = _running
    with running_gateway(AUTH="off", TORCHSERVE_INFERENCE_URL=backend, TORCHSERVE_MANAGEMENT_URL=backend) as running:
        yield running
    fake.reset()


def memory_in_compose() -> int:
    found = re.search(r"\$\{GATEWAY_MEMORY:-(\d+)g\}", (ROOT / "docker-compose.yml").read_text())
    assert found
    return int(found[1]) * 2**30


def flat(kind: str, side: int, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


def send(url: str, requests: list[tuple[str, dict[str, str], bytes]], at_once: int) -> list[int]:
    """Send them, so many at a time; return the statuses."""

    def post(request: tuple[str, dict[str, str], bytes]) -> int:
        path, headers, content = request
        return client.post(path, headers=headers, content=content).status_code

    limits = httpx.Limits(max_connections=at_once)
    with (
        httpx.Client(base_url=url, trust_env=False, timeout=120, limits=limits) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):
        return list(pool.map(post, requests))


def test_the_memory_of_large_drawings_is_returned(gateway: tuple[str, int]) -> None:
    url, pid = gateway
    kinds, outs = ("JPEG", "PNG", "WEBP"), ("jpeg", "png", "webp")

    def draw(side: int) -> None:
        """Draw on pictures of each format in each format, four at a time."""
        requests = [(f"/predict?format={out}", PICTURE, flat(kind, side)) for kind in kinds for out in outs]
        assert set(send(url, requests, 4)) == {200}

    draw(64)
    before = psutil.Process(pid).memory_info().rss
    draw(1400)
    after = psutil.Process(pid).memory_info().rss
    print(f"{before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after")
    assert after < before * GROWTH


def test_memory_does_not_grow_with_the_number_of_hostile_requests(gateway: tuple[str, int]) -> None:
    url, pid = gateway
    memory = {}
    for number, requests in in_looks(every_kind(), HOSTILE_REQUESTS):
        sent = [(request.path, dict(request.headers), request.content) for request in requests]
        assert all(status < 500 or status == 503 for status in send(url, sent, 4))
        memory[number] = psutil.Process(pid).memory_info().rss
    print({number: f"{rss / 1e6:.0f} MB" for number, rss in memory.items()})
    assert memory[HOSTILE_REQUESTS] < memory[FIRST] * GROWTH


def test_the_largest_drawings_and_bodies_at_once_stay_within_the_containers_memory(gateway: tuple[str, int]) -> None:
    """Sent are the drawings that take the most memory, large and small, and as many bytes as uploads may take."""
    url, pid = gateway
    large, small = flat("WEBP", 4400, lossless=True, quality=0, method=0), flat("WEBP", 1600, lossless=True)
    document = batch(
        b",".join([b'"' + base64.b64encode(bytes(18 * 2**20)) + b'"', b'{"name": "\xf0\x9f\x8d\x8b", "image": "AAAA"}'])
    )
    requests = [
        *[("/predict/batch", JSON, document)] * 5,
        *[("/predict?format=webp", PICTURE, large)] * 2,
        *[("/predict?format=webp", PICTURE, small)] * 4,
        *[("/predict", PICTURE, small.ljust(19_000_000, b"\0"))] * 4,
    ]
    statuses = send(url, requests, len(requests))
    print(f"{peak(pid) / 2**20:.0f} MiB at most, {statuses}")
    assert set(statuses) <= {200, 400, 503}
    assert statuses.count(200) > len(requests) // 3
    assert peak(pid) < memory_in_compose()
