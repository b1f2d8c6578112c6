"""Releases in Compose, after test_stack.py, which ends with everything down: live, broken, back again, under load."""

from __future__ import annotations

import zipfile

import pytest

from tests.compose.stack import Stack
from tests.support import clients, wait_until


@pytest.fixture(scope="module")
def base(running: Stack) -> str:
    """The version that serves when the stack is up again."""
    started = running.run("docker", "compose", "up", "-d", "--wait")
    assert started.returncode == 0, started.stdout
    running.wait_ready()
    return str(running.predict().json()["model"]["version"])


def hidden(stack: Stack) -> set[str]:
    return {path.name for path in stack.store.iterdir() if path.name.startswith(".")} - {
        ".release-guard",
        ".canary-auto-guard",
    }


def test_eight_clients_lose_no_request_while_a_version_goes_live_and_is_rolled_back(running, base):
    with clients(8, lambda: running.predict(timeout=90)) as answers:
        wait_until(lambda: len(answers) > 8, "the clients are at work")
        went = running.run("bash", "scripts/redeploy.sh", "models/weights/best.pt", "--version", "live")
        assert went.returncode == 0, went.stdout
        count = len(answers)
        wait_until(lambda: len(answers) > count + 8, "the new version answers them")
        back = running.run("bash", "scripts/rollback.sh")
        assert back.returncode == 0, back.stdout
        count = len(answers)
        wait_until(lambda: len(answers) > count + 8, "the old version answers them again")
    print(f"\n{went.stdout}\n{back.stdout}\n{len(answers)} answers")
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == {base, "live"}
    listed = running.run("bash", "scripts/releases.sh").stdout
    assert "current, served" in listed
    owner = running.root.stat().st_uid
    assert {path.stat().st_uid for path in running.store.iterdir()} == {owner}
    assert hidden(running) == set()


def test_eight_clients_lose_no_request_while_a_canary_is_split_watched_and_promoted(running, base):
    with clients(8, lambda: running.predict(timeout=90)) as answers:
        wait_until(lambda: len(answers) > 8, "the clients are at work")
        went = running.run("bash", "scripts/canary.sh", "start", "live", "--percent", "50")
        assert went.returncode == 0, went.stdout
        count = len(answers)
        wait_until(lambda: len(answers) > count + 24, "both versions answer them")
        status = running.run("bash", "scripts/canary.sh", "status")
        assert "canary live 50 %" in status.stdout
        assert "http://api-gateway:8000" in status.stdout
        assert "note:" not in status.stdout, "the gateway answers, and reads the file"
        promoted = running.run("bash", "scripts/canary.sh", "promote")
        assert promoted.returncode == 0, promoted.stdout
        count = len(answers)
        wait_until(lambda: len(answers) > count + 8, "the new version answers them")
        back = running.run("bash", "scripts/rollback.sh")
        assert back.returncode == 0, back.stdout
    print(f"\n{went.stdout}\n{status.stdout}\n{promoted.stdout}\n{len(answers)} answers")
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == {base, "live"}
    assert running.predict().json()["model"]["version"] == base
    owner = running.root.stat().st_uid
    assert (running.store / "routing/routing.json").stat().st_uid == owner
    assert hidden(running) == set()


def test_a_broken_version_leaves_the_old_one_answering_and_says_why(running, base):
    with zipfile.ZipFile(running.store / f"yolo-{base}.mar") as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    files["yolo_handler.py"] = (
        b"class H:\n def initialize(self, c): raise OSError('sabotage')\n def handle(self, d, c): return []\n"
    )
    path = running.store / "yolo-bad.mar"
    with zipfile.ZipFile(path, "w") as mar:
        for name, data in files.items():
            if name in ("yolo.json", "MAR-INF/MANIFEST.json"):
                data = data.replace(f'"{base}"'.encode(), b'"bad"')
            mar.writestr(name, data)
    path.chmod(0o644)
    with clients(2, lambda: running.predict(timeout=90)) as answers:
        done = running.run(
            *("docker", "compose", "run", "--rm", "-T", "--no-deps", "release"),
            *("redeploy", "best.pt", "--packaged", "bad"),
        )
    assert done.returncode == 1, done.stdout
    assert f"Version {base} answers as before" in done.stdout
    assert {(status, version) for status, version, _ in answers} == {(200, base)}
    assert not path.exists()
    assert hidden(running) == set()


def test_a_service_that_cannot_start_is_brought_back_by_a_rollback(running, base):
    (running.store / "yolo.mar").write_bytes(b"not an archive")
    running.run("docker", "compose", "restart", "torchserve")
    done = running.run("bash", "scripts/rollback.sh", base)
    assert done.returncode == 0, done.stdout
    running.wait_ready()
    assert running.predict().json()["model"]["version"] == base
    running.compose("down")
