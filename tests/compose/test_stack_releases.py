"""Releases in Compose, after test_stack.py, which ends with everything down: live, broken, back again, under load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.compose.stack import Stack
from tests.support import clients, wait_until
from tests.support.archives import left_over, names, renamed, varied


@pytest.fixture(scope="module")
def base(running: Stack) -> str:
    """The version that serves when the stack is up again."""
    started = running.run("docker", "compose", "up", "-d", "--wait")
    assert started.returncode == 0, started.stdout
    running.wait_ready()
    return str(running.predict().json()["model"]["version"])


def names_of(stack: Stack, version: str) -> set[str]:
    return names(stack.store / f"yolo-{version}.mar")


def go(stack: Stack, *argv: str) -> str:
    done = stack.run("bash", *argv)
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def busy(stack: Stack, base: str, people: int = 8) -> Iterator[Callable[[], set[str | None]]]:
    """So many clients ask all the time; yields what tells which versions answer from now on.

    Afterwards none of their requests was lost, and each answer is made by the version it names: no class is in both.
    """
    with clients(people, lambda: stack.predict(timeout=90)) as answers:

        def versions() -> set[str | None]:
            count = len(answers)
            wait_until(lambda: len(answers) > count + 24, "the clients are answered")
            return {version for _, version, _ in answers[count + 8 :]}

        assert versions() == {base}
        yield versions
    print(f"answers: {Counter(answer[:2] for answer in answers)}")
    assert {status for status, _, _ in answers} == {200}
    known = {base: names_of(stack, base), "live": names_of(stack, "live")}
    assert not known[base] & known["live"]
    for _, version, classes in answers:
        assert classes
        assert version
        assert classes <= known[version], f"{version} found {classes}"


def test_eight_clients_lose_no_request_while_a_version_goes_live_and_is_rolled_back(running, base):
    renamed(running.root / "models/weights/best.pt", running.root / "renamed.pt")
    with busy(running, base) as versions:
        go(running, "scripts/redeploy.sh", "renamed.pt", "--version", "live", "--accept-drift")
        assert versions() == {"live"}
        go(running, "scripts/rollback.sh")
        assert versions() == {base}
    assert "current, served" in go(running, "scripts/releases.sh")
    owner = running.root.stat().st_uid
    assert {path.stat().st_uid for path in running.store.iterdir()} == {owner}
    assert left_over(running.store) == set()


def test_eight_clients_lose_no_request_while_a_canary_is_split_taken_back_and_promoted(running, base):
    start = ("scripts/canary.sh", "start", "live", "--accept-drift")
    with busy(running, base) as versions:
        go(running, *start, "--percent", "50")
        assert versions() == {base, "live"}
        status = go(running, "scripts/canary.sh", "status")
        assert "canary live 50 %" in status
        assert "http://api-gateway:8000" in status
        assert "note:" not in status, "the gateway answers, and reads the file"
        go(running, "scripts/canary.sh", "abort")
        assert versions() == {base}
        go(running, *start, "--percent", "50")
        go(running, "scripts/canary.sh", "promote")
        assert versions() == {"live"}
        go(running, "scripts/rollback.sh")
        assert versions() == {base}
    owner = running.root.stat().st_uid
    assert (running.store / "routing/routing.json").stat().st_uid == owner
    assert left_over(running.store) == set()


def test_a_broken_version_leaves_the_old_one_answering_and_says_why(running, base):
    path = varied(
        running.store / f"yolo-{base}.mar",
        running.store / "yolo-bad.mar",
        "bad",
        handler="class H:\n def initialize(self, c): raise OSError('sabotage')\n def handle(self, d, c): return []\n",
    )
    with clients(2, lambda: running.predict(timeout=90)) as answers:
        done = running.run(
            *("docker", "compose", "run", "--rm", "-T", "--no-deps", "release"),
            *("redeploy", "best.pt", "--packaged", "bad"),
        )
    assert done.returncode == 1, done.stdout
    assert f"Version {base} answers as before" in done.stdout
    assert {(status, version) for status, version, _ in answers} == {(200, base)}
    assert not path.exists()
    assert left_over(running.store) == set()


def test_an_experiment_gives_each_version_its_share_and_a_canary_goes_up_by_itself(running, base):
    with busy(running, base, people=2) as versions:
        go(running, "scripts/experiment.sh", "start", "night", "--share", "live=50", "--accept-drift")
        assert versions() == {base, "live"}
        assert "experiment night" in go(running, "scripts/experiment.sh", "status")
        go(running, "scripts/experiment.sh", "stop")
        assert versions() == {base}
        bounds = ("--min-requests", "8", "--hold", "1", "--max-p95", "10", "--max-detections", "90")
        go(running, "scripts/canary.sh", "start", "live", "--accept-drift", "--auto", "--steps", "40,100", *bounds)
        assert versions() == {"live"}
    assert left_over(running.store) == set()


def test_a_service_that_cannot_start_is_brought_back_by_a_rollback(running, base):
    (running.store / "yolo.mar").write_bytes(b"not an archive")
    running.run("docker", "compose", "restart", "torchserve")
    done = running.run("bash", "scripts/rollback.sh", base)
    assert done.returncode == 0, done.stdout
    running.wait_ready()
    assert running.predict().json()["model"]["version"] == base
    running.compose("down")
