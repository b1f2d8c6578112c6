"""Releases on the real service: live without a lost request, back again; what breaks leaves the old one answering.

The tests share one service. Each begins with the base version, a small model, current and served.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from ops.store import lock
from tests.support import clients, wait_until
from tests.support.answering import answering
from tests.support.archives import SURE, left_over, renamed, varied
from tests.support.deployment import BASE
from tests.support.endpoints import HTTP


@pytest.fixture
def live(service) -> Path:
    """A kept archive besides the base version's, recorded by the operations."""
    path = service.store / "yolo-live.mar"
    if not path.exists():
        service.archive("live", conf=SURE)
        service.go("scripts/releases.sh", "prune", "--keep", "9")
    return path


def refusing(what: str, server: str) -> AbstractContextManager[str]:
    """A proxy of a server that refuses the paths that end with this."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        if path.endswith(what):
            return httpx.Response(500, json={"code": 500, "message": "refused by the test"})
        return HTTP.request(request.method, server + path, content=request.content, timeout=120)

    return answering(answer)


@pytest.fixture
def untouched(service) -> Iterator[None]:
    """Afterwards the store, what is loaded and what answers are what they were."""
    kept, current = service.kept(), (service.store / "yolo.mar").read_bytes()
    yield
    assert service.kept() == kept
    assert (service.store / "yolo.mar").read_bytes() == current
    assert service.loaded() == [BASE]
    assert service.served() == BASE
    assert left_over(service.store) == set()


def test_eight_clients_lose_no_request_while_a_version_goes_live_and_is_rolled_back(service):
    weights = renamed(service.weights, service.checkout.root / "renamed.pt")
    with clients(8, service.ask, pause_s=0) as load:
        assert load.fresh_versions() == {BASE}
        service.go("scripts/redeploy.sh", str(weights), "--version", "live", "--note", "under load", "--accept-drift")
        assert load.fresh_versions() == {"live"}
        start = time.monotonic()
        service.go("scripts/rollback.sh")
        took = time.monotonic() - start
        assert load.fresh_versions() == {BASE}
    print(f"rollback: {took:.1f} s; answers: {Counter((answer.status, answer.version) for answer in load.answers)}")
    assert load.statuses == {200}
    assert load.versions == {BASE, "live"}
    assert not service.names(BASE) & service.names("live")
    known = {version: service.names(version) for version in (BASE, "live")}
    for answer in load.answers:
        assert answer.classes
        assert answer.classes <= known[answer.version]
    assert service.loaded() == [BASE]
    state = service.state()
    assert (state["current"], state["previous"], state["served"]) == (BASE, "live", BASE)
    check_list_and_trail(service)


def check_list_and_trail(service):
    """The list and the audit trail say what happened, and who did it."""
    listed = service.script("scripts/releases.sh").stdout
    assert "current, served" in listed
    assert "under load" in listed
    entries = json.loads(service.script("scripts/releases.sh", "audit", "--json").stdout)
    done = [(entry["action"], entry.get("from"), entry.get("to")) for entry in entries if entry["outcome"] == "done"]
    assert ("redeploy", BASE, "live") in done
    assert ("rollback", "live", BASE) in done
    assert all(entry["by"] for entry in entries)


def test_only_archives_of_the_model_store_can_be_registered(service, untouched, tmp_path):
    for folder in (tmp_path, service.store.parent):
        varied(service.store / f"yolo-{BASE}.mar", folder / "yolo-outside.mar", "outside")
    # TorchServe takes the last part of a path for a file of the store, so none there may have this name.
    assert not (service.store / "yolo-outside.mar").exists()
    asked: list[str] = []

    def offer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=(tmp_path / "yolo-outside.mar").read_bytes())

    try:
        with answering(offer) as server:
            for url in (
                f"{server}/yolo-outside.mar",
                f"file://{tmp_path}/yolo-outside.mar",
                f"{tmp_path}/yolo-outside.mar",
                "../yolo-outside.mar",
                f"{service.store}/../yolo-outside.mar",
                "s3://bucket/yolo-outside.mar",
                "",
            ):
                answer = HTTP.post(f"{service.management}/models", params={"url": url}, timeout=60)
                assert 400 <= answer.status_code < 500, f"{url}: {answer.text}"
                assert service.loaded() == [BASE], url
    finally:
        (service.store.parent / "yolo-outside.mar").unlink()
    assert not asked


def test_after_a_release_up_finds_nothing_to_do(service):
    before = {process.pid for process in service.checkout.processes("")}
    done = service.script("scripts/up.sh", "--native")
    assert "already running" in done.stdout, done.stdout
    assert {process.pid for process in service.checkout.processes("")} == before


@pytest.mark.parametrize(
    ("sabotage", "told"),
    [
        (
            {
                "handler": "import os.path, image_formats\nclass H:\n"
                " def initialize(self, c):\n"
                "  raise OSError('sabotage ' + os.path.relpath(image_formats.__file__, os.path.dirname(__file__)))\n"
                " def handle(self, d, c): return []\n"
            },
            "OSError: sabotage image_formats/__init__.py",  # the archive's own
        ),
        (
            {
                "handler": "class H:\n def initialize(self, c): pass\n"
                " def handle(self, d, c): raise OSError('sabotage')\n"
            },
            "OSError: sabotage",
        ),
        ({"cut": True}, "cut short"),
    ],
    ids=["does not load", "raises at each picture", "cut short"],
)
def test_a_broken_version_leaves_the_old_one_answering_and_nothing_behind(service, untouched, sabotage, told):
    with clients(2, service.ask) as load:
        service.archive("bad", **sabotage)
        done = service.ops("redeploy", service.weights, "--packaged", "bad")
    assert done.returncode == 1, done.stdout
    assert told in done.stdout
    assert {(answer.status, answer.version) for answer in load.answers} == {(200, BASE)}


def test_a_version_that_finds_nothing_any_more_is_stopped(service, untouched):
    service.archive("blind", conf=0.9999)
    done = service.ops("redeploy", service.weights, "--packaged", "blind")
    assert done.returncode == 4, done.stdout
    assert "nothing found" in done.stdout
    assert "--accept-drift" in done.stdout


def test_weights_that_cannot_be_loaded_and_a_version_that_is_there_are_refused(service, untouched):
    garbage = service.checkout.root / "garbage.pt"
    garbage.write_bytes(b"<html>not found</html>")
    assert service.script("scripts/redeploy.sh", "garbage.pt").returncode == 1
    done = service.script("scripts/redeploy.sh", "base.pt", "--version", BASE)
    assert (done.returncode, "already there" in done.stdout) == (1, True)


def test_weights_of_another_task_are_stopped(service, untouched):
    make = "from ultralytics import YOLO; YOLO('yolov8n-cls.yaml').save('classify.pt')"
    made = service.script("-c", '.venv/bin/python -c "$1"', "make", make, YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false")
    assert made.returncode == 0, made.stdout
    done = service.script("scripts/redeploy.sh", "classify.pt", "--version", "classes")
    assert done.returncode == 4, done.stdout
    assert "another task: classify, not detect" in done.stdout


def test_a_full_disk_leaves_the_old_version_answering(service, untouched):
    service.archive("fat")
    # No file that the operation writes may grow beyond 1 MB, as on a disk that is full.
    limited = "ulimit -f 1000; exec .venv/bin/python -m ops redeploy base.pt --packaged fat"
    done = service.script("-c", limited)
    assert done.returncode == 1, done.stdout
    assert "writing yolo.mar" in done.stdout


def test_a_default_that_torchserve_refuses_leaves_the_old_version_answering(service, untouched):
    service.archive("unwanted")
    with refusing("set-default", service.management) as management:
        done = service.script(
            *("-c", ".venv/bin/python -m ops redeploy base.pt --packaged unwanted"),
            OPS_MANAGEMENT_URL=management,
            OPS_INFERENCE_URL=service.checkout.inference,
        )
    assert done.returncode == 1, done.stdout
    assert "refused by the test" in done.stdout


def test_an_operator_killed_between_the_rename_and_the_default_leaves_the_old_version_answering(service):
    service.archive("half")
    code = """
import os, signal, sys
renamed = []
def hook(event, arguments):
    if renamed and event != "os.kill": os.kill(os.getpid(), signal.SIGKILL)
    if event == "os.rename" and str(arguments[1]).endswith("/yolo.mar"): renamed.append(arguments)
sys.addaudithook(hook)
from ops.__main__ import main
sys.exit(main())
"""
    killed = service.script("-c", '.venv/bin/python -c "$1" redeploy base.pt --packaged half', "half", code)
    assert killed.returncode in (-9, 137), killed.stdout
    assert service.served() == BASE
    assert "a restart would serve half" in service.script("scripts/releases.sh").stdout
    done = service.script("scripts/releases.sh", "prune", "--keep", "9")
    assert "completed" in done.stdout
    assert (service.served(), service.loaded(), service.state()["current"]) == ("half", ["half"], "half")


def test_a_dry_run_changes_nothing(service, untouched):
    before = {path.name: path.stat().st_mtime_ns for path in service.store.iterdir()}
    for argv in (
        ("scripts/redeploy.sh", "base.pt", "--dry-run"),
        ("scripts/rollback.sh", BASE, "--dry-run"),
        ("scripts/releases.sh", "prune", "--keep", "1", "--dry-run"),
    ):
        done = service.script(*argv)
        assert done.returncode == 0, done.stdout
        assert "nothing is changed" in done.stdout
    assert {path.name: path.stat().st_mtime_ns for path in service.store.iterdir()} == before


def test_while_another_operation_is_at_work_the_next_one_is_refused_and_told_who(service, untouched):
    with lock.held(service.store, "a long lunch"):
        for argv in (("scripts/redeploy.sh", "base.pt"), ("scripts/rollback.sh", BASE)):
            done = service.script(*argv)
            assert done.returncode == 3, done.stdout
            assert "a long lunch" in done.stdout


def test_torchserve_killed_while_a_version_loads_comes_back_with_the_old_one(service, untouched):
    service.archive("unlucky")
    running = service.start_ops("redeploy", service.weights, "--packaged", "unlucky")
    wait_until(lambda: "unlucky" in service.loaded(), "the version is registered")
    service.kill_torchserve()
    said, _ = running.communicate(timeout=240)
    assert running.returncode == 1, said
    assert f"Version {BASE} answers" in said


def test_what_a_killed_operator_left_is_undone_by_the_next_operation(service, untouched):
    service.archive("orphan")
    running = service.start_ops("redeploy", service.weights, "--packaged", "orphan")
    wait_until(lambda: "orphan" in service.loaded(), "the version is registered")
    running.kill()
    running.communicate()
    assert "an operation was cut off" in service.go("scripts/releases.sh")
    assert service.served() == BASE
    done = service.script("scripts/releases.sh", "prune", "--keep", "9")
    assert done.returncode == 0, done.stdout
    assert "undone" in done.stdout


def test_an_archive_that_is_not_what_was_packaged_is_no_way_back(service, live):
    whole = live.read_bytes()
    live.write_bytes(whole[:-100_000] + bytes(1000) + whole[-99_000:])
    try:
        done = service.script("scripts/rollback.sh", "live")
        assert done.returncode == 7, done.stdout
        assert "sha256" in done.stdout
    finally:
        live.write_bytes(whole)
    assert service.served() == BASE


def test_an_archive_that_was_copied_by_hand_is_served_after_a_restart_and_listed(service, live):
    service.make_current("live")
    listed = service.script("scripts/releases.sh").stdout
    assert f"TorchServe serves {BASE}; a restart would serve live" in listed
    service.kill_torchserve()  # its supervisor starts it again
    wait_until(lambda: service.served() == "live", "the version that was copied answers")
    state = service.state()
    assert (state["current"], state["previous"], state["served"]) == ("live", BASE, "live")


def test_a_service_that_cannot_start_is_brought_back_by_a_rollback(service):
    (service.store / "yolo.mar").write_bytes(b"not an archive")
    service.kill_torchserve()
    done = service.script("scripts/rollback.sh", BASE)
    assert done.returncode == 0, done.stdout
    assert service.served() == BASE


def test_prune_keeps_the_current_and_the_previous_version(service, live):
    service.archive("old")
    service.archive("newest")
    assert service.script("scripts/rollback.sh", "live").returncode == 0
    done = service.script("scripts/releases.sh", "prune", "--keep", "1")
    assert done.returncode == 0, done.stdout
    assert {"yolo.mar", f"yolo-{BASE}.mar", "yolo-live.mar"} <= set(service.kept())
    assert "yolo-old.mar" not in service.kept()


def test_where_nothing_runs_redeploy_says_what_to_do_first(service):
    service.script("scripts/down.sh")
    done = service.script("scripts/redeploy.sh", "base.pt")
    assert done.returncode == 5, done.stdout
    assert "bash scripts/up.sh" in done.stdout
    assert (service.store / "yolo.mar").is_file()
