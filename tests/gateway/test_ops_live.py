"""scripts/load.sh and scripts/status.sh --watch as processes, on the gateway in front of the fake TorchServe."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker
from tests.gateway.support.fake_torchserve import Answer, Asked, FakeTorchServe, serving, street, torchserve_error
from tests.support import ROOT, wait_until
from tests.support.answering import answering
from tests.support.endpoints import HTTP
from tests.unit.ops.fake_server import FakeServer


@pytest.fixture
def gateway(settings: SettingsMaker, fake: FakeTorchServe) -> Iterator[str]:
    with serving(create_app(settings()), lifespan="on") as url:
        wait_until(lambda: HTTP.get(f"{url}/health/ready").status_code == 200, "the gateway is ready", 60)
        yield url


def start(script: str, *argv: str, **environment: str) -> subprocess.Popen[str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        ["bash", str(ROOT / "scripts" / script), *argv],
        cwd=ROOT,
        env={**keep, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_load_is_seen_by_who_watches(gateway: str, fake: FakeTorchServe, tmp_path: Path) -> None:
    asked = 0

    def some(request: Asked) -> Answer:
        nonlocal asked
        asked += 1
        return street(request) if asked % 4 else torchserve_error(503, "ServiceUnavailableException", "full")

    fake.predict = some
    with answering(FakeServer(tmp_path, memory_bytes=231_200_000)) as management:
        ports = {"GATEWAY_PORT": gateway.rpartition(":")[2], "MANAGEMENT_PORT": management.rpartition(":")[2]}
        loading = start("load.sh", "--url", gateway, "--rate", "10", "--seconds", "6")
        watching = start(
            "status.sh", "--watch", "--count", "5", **ports, MODEL_STORE=str(tmp_path), TMPDIR=str(tmp_path)
        )
        loaded, seen = loading.communicate(timeout=240)[0], watching.communicate(timeout=240)[0]
    assert (loading.returncode, watching.returncode) == (0, 0), loaded + seen
    assert "  requests    60, " in loaded
    assert re.search(r"^  statuses    .*503 overloaded: \d+", loaded, re.M), loaded
    assert re.search(r"^  versions    yolo 1\.0: \d+$", loaded, re.M), loaded
    assert re.search(r"^  refused     \d+ with Retry-After: \d+ s", loaded, re.M), loaded
    last = seen.rpartition("\nhttp://")[2]
    assert "ready: version 1.0 is served" in last
    assert re.search(r"requests/s, p95 .* in flight, \d+ waiting, .*over the last \d+ s", last), last
    assert re.search(r"^  yolo +1\.0 +current +1/1 +0 +\d+\.\d +\d+\.\d .*231\.2 MB$", last, re.M), last
