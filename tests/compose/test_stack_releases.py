"""Releases in Compose: live, broken, back again, under load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.compose.stack import Stack
from tests.support import clients
from tests.support.archives import left_over, renamed
from tests.support.deployment import BASE
from tests.support.load import Load

KEPT = "kept"


@pytest.fixture
def kept(settled: Stack) -> str:
    """A kept version with other names of the same classes."""
    if not (settled.store / f"yolo-{KEPT}.mar").exists():
        settled.archive(KEPT, prefix="kept ")
    return KEPT


@contextmanager
def busy(stack: Stack, people: int = 8) -> Iterator[Load]:
    """So many clients ask all the time.

    Afterwards none of their requests was lost, and each answer is made by the version it names: no class is in two.
    """
    with clients(people, stack.ask) as load:
        assert load.fresh_versions() == {BASE}
        yield load
    print(f"answers: {Counter((answer.status, answer.version) for answer in load.answers)}")
    assert load.statuses == {200}
    known = {version: stack.names(version) for version in load.versions}
    assert sum(map(len, known.values())) == len(set().union(*known.values()))
    for answer in load.answers:
        assert answer.classes
        assert answer.classes <= known[answer.version], f"{answer.version} found {answer.classes}"


def test_eight_clients_lose_no_request_while_a_version_goes_live_and_is_rolled_back(settled: Stack) -> None:
    renamed(settled.weights, settled.root / "renamed.pt")
    with busy(settled) as load:
        settled.go("scripts/redeploy.sh", "renamed.pt", "--version", "live", "--accept-drift")
        assert load.fresh_versions() == {"live"}
        settled.go("scripts/rollback.sh")
        assert load.fresh_versions() == {BASE}
    assert "current, served" in settled.go("scripts/releases.sh")
    owner = settled.root.stat().st_uid
    assert {path.stat().st_uid for path in settled.store.iterdir()} == {owner}
    assert left_over(settled.store) == set()


def test_eight_clients_lose_no_request_while_a_canary_is_split_aborted_and_promoted(settled: Stack, kept: str) -> None:
    start = ("scripts/canary.sh", "start", kept, "--accept-drift")
    with busy(settled) as load:
        settled.go(*start, "--percent", "50")
        assert load.fresh_versions() == {BASE, kept}
        status = settled.go("scripts/canary.sh", "status")
        assert f"canary {kept} 50 %" in status
        assert "http://api-gateway:8000" in status
        assert "note:" not in status, "the gateway answers, and reads the file"
        settled.go("scripts/canary.sh", "abort")
        assert load.fresh_versions() == {BASE}
        settled.go(*start, "--percent", "50")
        settled.go("scripts/canary.sh", "promote")
        assert load.fresh_versions() == {kept}
        settled.go("scripts/rollback.sh")
        assert load.fresh_versions() == {BASE}
    owner = settled.root.stat().st_uid
    assert (settled.store / "routing/routing.json").stat().st_uid == owner
    assert left_over(settled.store) == set()


def test_a_broken_version_leaves_the_old_one_answering_and_says_why(settled: Stack) -> None:
    path = settled.archive(
        "bad",
        handler="class H:\n def initialize(self, c): raise OSError('sabotage')\n def handle(self, d, c): return []\n",
    )
    with clients(2, settled.ask) as load:
        done = settled.run(
            *("docker", "compose", "run", "--rm", "-T", "--no-deps", "release"),
            *("redeploy", "best.pt", "--packaged", "bad"),
        )
    assert done.returncode == 1, done.stdout
    assert f"Version {BASE} answers as before" in done.stdout
    assert {(answer.status, answer.version) for answer in load.answers} == {(200, BASE)}
    assert not path.exists()
    assert left_over(settled.store) == set()


def test_an_experiment_gives_each_version_its_share(settled: Stack, kept: str) -> None:
    with busy(settled, people=2) as load:
        settled.go("scripts/experiment.sh", "start", "night", "--share", f"{kept}=50", "--accept-drift")
        assert load.fresh_versions() == {BASE, kept}
        assert "experiment night" in settled.go("scripts/experiment.sh", "status")
        settled.go("scripts/experiment.sh", "stop")
        assert load.fresh_versions() == {BASE}
    assert left_over(settled.store) == set()


def test_a_canary_is_promoted_automatically(settled: Stack, kept: str) -> None:
    with busy(settled, people=2) as load:
        bounds = ("--min-requests", "8", "--hold", "1", "--max-p95", "10", "--max-detections", "90")
        start = ("scripts/canary.sh", "start", kept, "--accept-drift")
        settled.go(*start, "--auto", "--steps", "40,100", *bounds)
        assert load.fresh_versions() == {kept}
    assert left_over(settled.store) == set()


def test_a_service_that_cannot_start_is_brought_back_by_a_rollback(settled: Stack) -> None:
    (settled.store / "yolo.mar").write_bytes(b"not an archive")
    settled.run("docker", "compose", "restart", "torchserve")
    settled.go("scripts/rollback.sh", BASE)
    settled.wait_ready()
    assert settled.served() == BASE
