"""Canary, experiment and shadow on the real service: no request is lost, and each answer is the named version's.

The tests share one service. Each begins with the base version, a small model, current and nothing split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.native.rollout.clients import CLIENTS, Clients
from tests.support import clients, wait_until
from tests.support.archives import SURE
from tests.support.deployment import BASE
from tests.support.endpoints import HTTP


def bucket(salt: str, key: str) -> int:
    return int.from_bytes(hashlib.sha256((salt + key).encode()).digest()[:8], "big") % 10_000


def splitting_salt(percent: int) -> str:
    """A salt that puts some of the clients on either side."""
    for number in range(1000):
        inside = [bucket(f"s{number}", f"camera-{key}") < percent * 100 for key in range(CLIENTS)]
        if 3 <= sum(inside) <= CLIENTS - 3:
            return f"s{number}"
    raise AssertionError


def test_eight_clients_lose_no_request_from_the_start_of_a_canary_to_its_promotion(service, sure):
    salt = splitting_salt(50)
    with Clients(service).at_work() as people:
        service.go("scripts/canary.sh", "start", sure, "--percent", "50", "--key-salt", salt)
        for _, key, _, version, _ in people.more():
            assert version == (sure if bucket(salt, key) < 5000 else BASE), "who is in the canary stays in it"
        said = service.go("scripts/canary.sh", "status")
        assert "sure: READY" in said
        refused = service.script("scripts/redeploy.sh", "base.pt")
        assert (refused.returncode, "canary.sh promote" in refused.stdout) == (8, True)
        service.go("scripts/canary.sh", "promote")
        assert {version for _, _, _, version, _ in people.more()} == {sure}
        service.go("scripts/rollback.sh")
        assert {version for _, _, _, version, _ in people.more()} == {BASE}
    assert (service.loaded(), service.routing()["canary"], service.routing()["stable"]) == ([BASE], None, BASE)


def test_eight_clients_lose_no_request_when_a_canary_of_new_weights_is_taken_back(service):
    salt, key = "s", next(f"camera-{n}" for n in range(99) if bucket("s", f"camera-{n}") < 5000)
    with clients(CLIENTS, service.ask) as load:
        service.go("scripts/canary.sh", "start", "base.pt", "--version", "new", "--percent", "50", "--key-salt", salt)
        asked = service.ask({"X-Client-Key": key})
        assert asked.headers["x-model-version"] == "new"
        assert load.fresh_versions() == {BASE, "new"}
        service.go("scripts/canary.sh", "abort")
        assert load.fresh_versions() == {BASE}
    assert load.statuses == {200}
    assert load.versions == {BASE, "new"}
    assert service.loaded() == [BASE]
    assert not (service.store / "yolo-new.mar").exists()


def test_it_is_promoted_step_by_step_and_after_a_kill_from_the_same_step(service, sure):
    bounds = ["--min-requests", "8", "--hold", "2", "--max-p95", "10", "--max-detections", "90"]
    with Clients(service).at_work() as people:
        service.go("scripts/canary.sh", "start", sure, "--percent", "20", "--key-salt", splitting_salt(20))
        running = service.start_ops("canary", "auto", "--steps", "20,60,100", *bounds)
        wait_until(lambda: service.routing()["canary"]["percent"] == 60, "the canary is at the second step")
        running.kill()
        running.communicate()
        people.more()
        said = service.go("scripts/canary.sh", "auto")
        assert "goes on where it was: sure at 60 %" in said
        assert {version for _, _, _, version, _ in people.more()} == {sure}
    assert service.state()["current"] == sure


def test_a_canary_that_finds_too_little_is_aborted_automatically(service, sure):
    with Clients(service).at_work():
        auto = ["--auto", "--steps", "40,100", "--min-requests", "8", "--hold", "1", "--max-p95", "10"]
        service.go("scripts/canary.sh", "start", sure, *auto, "--max-detections", "20", code=9)
    assert (service.loaded(), service.routing()["canary"]) == ([BASE], None)
    trail = service.script("scripts/releases.sh", "audit").stdout
    assert "detections on average" in trail


def test_a_promotion_whose_operator_is_killed_gives_the_canary_its_share_back(service, sure):
    service.go("scripts/canary.sh", "start", sure, "--percent", "30")
    with Clients(service).at_work():
        running = service.start_ops("canary", "promote")
        wait_until(lambda: service.routing()["canary"]["percent"] == 100, "everything goes to the canary")
        running.kill()
        running.communicate()
        said = service.go("scripts/releases.sh", "prune", "--keep", "9")
    assert "undone" in said
    assert service.routing()["canary"]["percent"] == 30
    assert sorted(service.loaded()) == [BASE, sure]


@pytest.fixture
def halved(service, sure) -> Iterator[dict[str, str]]:
    """A canary for half of the clients; which version each of them is answered by."""
    service.go("scripts/canary.sh", "start", sure, "--percent", "50", "--key-salt", splitting_salt(50))
    before = who_answers(service)
    assert set(before.values()) == {BASE, sure}
    yield before
    service.go("scripts/canary.sh", "abort")
    assert service.loaded() == [BASE]


def who_answers(service):
    """The version that each client is answered by."""
    return {f"camera-{number}": version_for(service, f"camera-{number}") for number in range(CLIENTS)}


def version_for(service, key, **query):
    answer = service.ask({"X-Client-Key": key}, **query)
    return answer.headers["x-model-version"] if answer.status_code == 200 else answer.status_code


def test_torchserve_killed_under_a_canary_comes_back_with_it_and_each_client_keeps_its_version(service, sure, halved):
    service.kill_torchserve()
    wait_until(lambda: sorted(service.loaded()) == [BASE, sure], "both versions are loaded again")
    # Until its workers are READY, and the gateway has looked, the stable version stands in for the canary.
    wait_until(lambda: who_answers(service) == halved, "everybody is answered by the version they had")
    default = HTTP.get(f"{service.management}/models/yolo", timeout=5).json()
    assert default[0]["modelVersion"] == BASE, "yolo.mar is the default"
    assert version_for(service, "camera-0", version=sure) == sure
    assert version_for(service, "camera-0", version="9.9") == 404
    with Clients(service).at_work() as people:
        assert {(key, version) for _, key, _, version, _ in people.more()} <= set(halved.items())


def test_a_gateway_killed_under_a_canary_comes_back_with_the_same_split(service, halved):
    before = service.routing()
    (gateway,) = service.checkout.processes("-m gateway")
    gateway.kill()
    gateway.wait(10)
    service.wait_ready()
    with Clients(service).at_work() as people:
        assert {(key, version) for _, key, _, version, _ in people.more()} <= set(halved.items())
    assert service.routing() == before


def test_an_experiment_gives_each_version_its_share(service, sure):
    service.archive("other", conf=SURE)
    with Clients(service).at_work() as people:
        shares = ["--share", f"{sure}=30", "--share", "other=30"]
        service.go("scripts/experiment.sh", "start", "night", *shares, "--key-salt", "s")
        for _, key, _, version, _ in people.more():
            assert version == (sure if bucket("s", key) < 3000 else "other" if bucket("s", key) < 6000 else BASE)
        assert "experiment night" in service.go("scripts/experiment.sh", "status")
        service.go("scripts/experiment.sh", "stop")
    assert service.loaded() == [BASE]


def test_a_shadow_counts_differences_and_answers_no_client(service, sure):
    service.go("scripts/shadow.sh", "start", sure, "--percent", "100")

    def compared():  # a picture is not mirrored while the machine is busy: another one follows
        assert service.ask().json()["model"]["version"] == BASE
        rows = HTTP.get(f"{service.gateway}/models", timeout=10).json()["traffic"]
        return next((row for row in rows if row["role"] == "shadow" and row["compared"]), None)

    row = wait_until(compared, "the shadow was compared")
    assert row["missing"] >= row["compared"], "it finds only what it is sure of"
    assert (row["extra"], row["errors"]) == (0, 0)
    said = service.go("scripts/shadow.sh", "status")
    assert "missing" in said
    service.go("scripts/shadow.sh", "stop")
    assert service.loaded() == [BASE]
