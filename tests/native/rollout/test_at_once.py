"""Commands at the same moment on the real service, which wait for each other, and weights that are asked for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.store import lock
from tests.native.service import Service
from tests.support import wait_until
from tests.support.archives import renamed
from tests.support.deployment import BASE


@pytest.fixture
def best(service: Service) -> Iterator[Path]:
    """The user's own weights, which lie there again afterwards."""
    path = service.root / "models/weights/best.pt"
    content = path.read_bytes()
    yield path
    path.write_bytes(content)


def is_at_work(folder: Path) -> bool:
    """Tell whether up.sh or down.sh is at work in a checkout."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_up(service: Service) -> bool:
    """Tell whether up.sh starts the servers."""
    found = lock.holder(service.store)
    return found is not None and found.what == lock.UP


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


def test_weights_that_are_asked_for_and_do_not_exist_are_named_and_the_service_goes_on(service, best):
    best.unlink()
    done = service.script("scripts/up.sh", "--native", WEIGHTS="absent.pt")
    assert done.returncode == 1
    assert "WEIGHTS=absent.pt: there is no such file" in done.stdout
    assert service.served() == BASE


def test_up_waits_for_down_and_a_rollback_waits_for_up(service, sure):
    with ThreadPoolExecutor(3) as pool:
        down = pool.submit(service.script, "scripts/down.sh")
        wait_until(lambda: is_at_work(service.root), "down.sh is at work")
        up = pool.submit(service.script, "scripts/up.sh", "--native")
        wait_until(lambda: is_up(service), "up.sh starts the servers")
        back = pool.submit(service.script, "scripts/rollback.sh", sure)
        said = {name: one.result() for name, one in (("down", down), ("up", up), ("rollback", back))}
    assert {name: one.returncode for name, one in said.items()} == {"down": 0, "up": 0, "rollback": 0}, said
    assert "is at work in this folder; waiting for it" in said["up"].stdout
    assert "waiting for another operation" in said["rollback"].stdout
    assert len(service.checkout.processes("org.pytorch.serve.ModelServer")) == 1
    assert (service.loaded(), service.served()) == ([sure], sure)


def test_up_waits_for_a_redeploy_and_changes_nothing(service):
    weights = renamed(service.weights, service.root / "renamed.pt")
    before = {process.pid for process in service.checkout.processes("org.pytorch.serve.ModelServer")}
    with ThreadPoolExecutor(1) as pool:
        redeploy = pool.submit(service.script, "scripts/redeploy.sh", str(weights), "--accept-drift")
        wait_until(lambda: lock.holder(service.store) is not None, "the redeploy holds the lock")
        up = service.script("scripts/up.sh", "--native")
        done = redeploy.result()
    assert (done.returncode, up.returncode) == (0, 0), done.stdout + up.stdout
    assert "waiting for another operation" in up.stdout
    assert {process.pid for process in service.checkout.processes("org.pytorch.serve.ModelServer")} == before
    assert service.loaded() == [service.served()] != [BASE]
