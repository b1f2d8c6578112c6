"""Commands at the same moment on the real service, which wait for each other, and weights that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.native.service import Service
from tests.support.archives import renamed


@pytest.fixture
def best(service: Service) -> Iterator[Path]:
    """The user's own weights, which lie there again afterwards."""
    path = service.root / "models/weights/best.pt"
    content = path.read_bytes()
    yield path
    path.write_bytes(content)


def test_two_ups_package_the_weights_that_are_asked_for_once_and_end_with_one_service(service, best):
    asked = renamed(service.weights, service.root / "asked for.pt")
    before = service.kept()
    service.go("scripts/down.sh")
    best.unlink()  # what up.sh itself advises
    with ThreadPoolExecutor(2) as pool:
        ups = [pool.submit(service.script, "scripts/up.sh", "--native", WEIGHTS=asked.name) for _ in range(2)]
        done = [one.result() for one in ups]
    said = [one.stdout for one in done]
    assert [one.returncode for one in done] == [0, 0], said
    assert sum("Another up.sh or down.sh is at work in this folder; waiting for it" in text for text in said) == 1
    assert sum("services: already running" in text for text in said) == 1
    assert len(service.checkout.processes("org.pytorch.serve.ModelServer")) == 1
    (new,) = set(service.kept()) - set(before)
    assert f"yolo-{service.served()}.mar" == new
    assert best.read_bytes() == asked.read_bytes()
