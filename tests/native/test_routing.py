"""A canary on the real service: split and named versions, and that it survives a TorchServe that is killed."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from tests.native.conftest import Checkout
from tests.support import wait_until

CANARY = "1.0-canary"
KEYS = [f"camera-{number}" for number in range(12)]


def repackaged(source, target, version):
    """Copy an archive under another version: the same answers, but for the name."""
    with zipfile.ZipFile(source) as mar, zipfile.ZipFile(target, "w") as copy:
        for name in mar.namelist():
            content = mar.read(name)
            if name == "MAR-INF/MANIFEST.json":
                manifest = json.loads(content)
                manifest["model"]["modelVersion"] = version
                content = json.dumps(manifest).encode()
            elif name == "yolo.json":
                content = json.dumps({**json.loads(content), "version": version}).encode()
            copy.writestr(name, content)


@pytest.fixture
def canary(service: Checkout) -> Iterator[Checkout]:
    """Half of the clients get a version that is registered beside the current one."""
    store = service.root / "serving/torchserve/model-store"
    archive, routing = store / f"yolo-{CANARY}.mar", store / "routing" / "routing.json"
    repackaged(store / "yolo.mar", archive, CANARY)
    management = f"http://127.0.0.1:{service.ports['MANAGEMENT_PORT']}/models"
    added = httpx.post(
        management, params={"url": archive.name, "initial_workers": 1, "synchronous": "true"}, timeout=120
    )
    assert added.status_code == 200, added.text
    (described,) = httpx.get(f"{management}/yolo", timeout=30).json()
    split = {"version": CANARY, "percent": 50, "salt": "x"}
    part = routing.with_suffix(".part")
    part.write_text(json.dumps({"schema": 1, "revision": 1, "stable": described["modelVersion"], "canary": split}))
    part.replace(routing)
    time.sleep(0.2)
    try:
        yield service
    finally:
        routing.unlink()
        time.sleep(0.2)
        httpx.delete(f"{management}/yolo/{CANARY}", timeout=120)
        archive.unlink()


def versions(service: Checkout) -> list[str]:
    picture = (service.root / "samples/street.jpg").read_bytes()
    found = []
    for key in KEYS:
        answer = httpx.post(f"{service.gateway}/predict", content=picture, headers={"X-Client-Key": key}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-model-version"] == answer.json()["model"]["version"]
        found.append(answer.headers["x-model-version"])
    return found


def test_clients_are_split_and_a_killed_torchserve_comes_back_with_both_versions(canary):
    before = versions(canary)
    stable = json.loads((canary.root / "serving/torchserve/model-store/routing/routing.json").read_text())["stable"]
    assert set(before) == {stable, CANARY}
    (server,) = canary.processes("org.pytorch.serve.ModelServer")
    server.kill()
    server.wait(30)

    def both_ready():
        try:
            address = f"http://127.0.0.1:{canary.ports['MANAGEMENT_PORT']}/models/yolo"
            loaded = httpx.get(f"{address}/all", timeout=5).json()
            default = httpx.get(address, timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return None
        ready = {each["modelVersion"] for each in loaded if any(w["status"] == "READY" for w in each["workers"])}
        return default[0]["modelVersion"] if ready == {stable, CANARY} else None

    assert wait_until(both_ready, "both versions are READY again") == stable, "yolo.mar is the default"
    canary.wait_ready()
    time.sleep(1.5)  # the gateway looks at the workers every second
    assert versions(canary) == before
    picture = (canary.root / "samples/street.jpg").read_bytes()
    named = httpx.post(f"{canary.gateway}/predict?version={CANARY}", content=picture, timeout=60)
    assert named.json()["model"]["version"] == CANARY
    assert httpx.post(f"{canary.gateway}/predict?version=9.9", content=picture, timeout=60).status_code == 404
