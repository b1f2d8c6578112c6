import contextlib
import resource
import subprocess
import sys

import pytest

from ops.errors import DriftError, LockedError, NotRunningError, OpsError
from ops.releases import redeploy
from ops.rollout import preconditions, recovery
from ops.rollout.candidate import Packaging
from ops.store import audit, intent, inventory, lock, releases
from ops.torchserve import client, standby
from tests.support import ROOT
from tests.support.archives import left_over
from tests.unit.ops.conftest import current
from tests.unit.ops.conftest import redeploy_fresh as go
from tests.unit.ops.fake_server import error, make_current, write_archive


def assert_nothing_happened(served):
    assert current(served) == "1.0"
    assert served.default == "1.0"
    assert list(served.workers) == ["1.0"]
    assert not (served.store / "yolo-1.1.mar").exists()
    assert left_over(served.store) == set()
    assert audit.entries(served.store)[-1]["outcome"] == "failed"


def test_the_new_version_is_loaded_before_it_is_the_default_and_the_old_one_goes_last(served):
    go(served, note="better")
    assert served.calls == [
        "DELETE /models/yolo/1.1",
        "POST /models",
        "PUT /models/yolo/1.1",
        "PUT /models/yolo/1.1/set-default",
        "DELETE /models/yolo/1.0",
    ]
    state = releases.read(served.store)
    assert (state.current, state.previous) == ("1.1", "1.0")
    assert left_over(served.store) == set()
    (line,) = audit.entries(served.store)
    assert (line["from"], line["to"], line["outcome"], line["detail"]) == ("1.0", "1.1", "done", "better")


@pytest.mark.parametrize(
    "call", ["POST /models", "GET /models/yolo/1.1", "PUT /models/yolo/1.1", "POST /predictions/yolo/1.1"]
)
def test_a_server_killed_before_the_decision_comes_back_with_the_old_version(served, call):
    def die(fake):
        fake.faults.clear()
        fake.restarts()
        return error(418, "killed")

    def vanish(fake):
        die(fake)
        fake.down = True
        fake.faults["POST /predictions/yolo"] = come_back

    def come_back(fake):
        fake.faults.clear()
        fake.down = False

    served.faults[call] = vanish
    with pytest.raises(OpsError, match=r"Version 1\.0 answers"):
        go(served)
    assert_nothing_happened(served)


@pytest.mark.parametrize("restarted_before_the_rename", [False, True])
def test_a_server_killed_while_the_default_moves_ends_on_the_new_version(served, restarted_before_the_rename):
    def die(fake):
        fake.faults.clear()
        if restarted_before_the_rename:
            fake.default, fake.workers = "1.0", {"1.0": [("READY", 300)]}
        else:
            fake.restarts()
        return error(503, "starting")

    served.faults["PUT /models/yolo/1.1/set-default"] = die
    go(served)
    assert (current(served), served.default, list(served.workers)) == ("1.1", "1.1", ["1.1"])
    assert left_over(served.store) == set()


def test_a_default_that_is_refused_takes_the_replaced_archive_back(served):
    served.faults["PUT /models/yolo/1.1/set-default"] = lambda fake: error(500, "no")
    with pytest.raises(OpsError, match="no"):
        go(served)
    assert_nothing_happened(served)


def test_a_worker_that_dies_while_it_loads_ends_it_without_waiting_for_the_deadline(served):
    pids = iter(range(1000, 9000))

    def starting(fake):
        fake.workers["1.1"] = [("UNLOADING", next(pids))]

    served.faults["GET /models/yolo/1.1"] = starting
    with pytest.raises(OpsError, match="died while it loaded"):
        go(served)
    served.faults.clear()
    assert_nothing_happened(served)


def test_a_version_that_never_gets_ready_is_given_up_at_the_deadline_and_the_old_one_answers(served, monkeypatch):
    monkeypatch.setattr(standby, "READY_GRACE_S", 0.3)
    served.startup_timeout_s = 0

    def loading(fake):
        fake.workers["1.1"] = [("UNLOADING", 100)]

    served.faults["GET /models/yolo/1.1"] = loading
    with pytest.raises(OpsError, match=r"version 1\.1 was not READY within 0 s(.|\n)*Version 1\.0 answers as before"):
        go(served)
    served.faults.clear()
    assert "PUT /models/yolo/1.1/set-default" not in served.calls
    assert_nothing_happened(served)


def test_answers_that_drift_stop_it_unless_they_are_meant(served):
    served.found["1.1"] = 0
    with pytest.raises(DriftError, match="nothing found"):
        go(served)
    assert_nothing_happened(served)
    write_archive(served.store, "1.1", b"new")
    go(served, accept_drift=True)
    assert current(served) == "1.1"


def test_a_full_disk_is_found_before_anything_is_loaded(served):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100_000, before[1])
    )  # a file that may grow no further, as on a full disk
    try:
        with pytest.raises(OpsError, match=r"writing yolo\.mar"):
            go(served)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "POST /models" not in served.calls
    assert_nothing_happened(served)


def test_an_interruption_puts_everything_back(served):
    def interrupt(fake):
        raise KeyboardInterrupt

    served.faults["PUT /models/yolo/1.1"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        go(served)
    assert_nothing_happened(served)


def test_an_old_version_that_cannot_be_removed_is_a_warning_and_the_next_operation_removes_it(
    served, capsys, monkeypatch
):
    monkeypatch.setattr(client, "UNREGISTER_S", 0.0)
    served.faults["DELETE /models/yolo/1.0"] = lambda fake: error(500, "busy")
    go(served)
    assert "warning: 1.0 is still loaded" in capsys.readouterr().out
    assert (current(served), served.default, set(served.workers)) == ("1.1", "1.1", {"1.0", "1.1"})
    served.faults.clear()
    recovery.recover(served.host())
    assert (current(served), served.default, set(served.workers)) == ("1.1", "1.1", {"1.1"})
    assert releases.read(served.store).previous == "1.0"


def test_a_removal_that_was_interrupted_inside_the_server_is_asked_for_again(served):
    def once(fake):
        fake.faults.clear()
        return error(500, "Interrupted while cleaning resources: yolo")

    served.faults["DELETE /models/yolo/1.0"] = once
    go(served)
    assert list(served.workers) == ["1.1"]


def test_where_nothing_runs_it_is_said_before_packaging(served):
    served.down = True
    with pytest.raises(NotRunningError, match=r"bash scripts/up\.sh"):
        preconditions.preflight(served.host())


def test_a_held_lock_is_told_and_the_version_that_could_not_begin_is_removed(served):
    with lock.held(served.store, "something else"), pytest.raises(LockedError, match="something else"):
        go(served)
    assert served.calls == []
    assert not (served.store / "yolo-1.1.mar").exists()


def test_an_archive_of_the_current_version_that_is_not_kept_is_backed_up_first(served):
    (served.store / "yolo-1.0.mar").unlink()
    go(served)
    state = releases.read(served.store)
    assert (state.current, state.previous) == ("1.1", "1.0")
    assert (served.store / "yolo-1.0.mar").is_file()


@pytest.mark.parametrize("decided", [False, True])
def test_what_a_killed_operator_left_is_undone_before_the_decision_and_completed_after_it(served, decided):
    state, _ = inventory.look(served.store)
    releases.save(served.store, state)
    intent.write(served.store, intent.Intent("redeploy", "1.1", "1.0", fresh=True))
    (served.store / ".yolo.mar.before").write_bytes(b"x")
    served.workers["1.1"] = [("READY", 200)]
    if decided:
        make_current(served.store, "1.1")
    recovery.recover(served.host())
    state = releases.read(served.store)
    serves = "1.1" if decided else "1.0"
    assert (state.current, served.default, list(served.workers)) == (serves, serves, [serves])
    assert state.previous == ("1.0" if decided else None)
    assert (served.store / "yolo-1.1.mar").exists() is decided
    assert left_over(served.store) == set()
    assert [line["outcome"] for line in audit.entries(served.store)] == ["mended"]


def test_signals_wait_until_the_decision_is_over():
    # In a process of its own: libraries that other tests have loaded here bring signal handlers of theirs.
    code = """
import signal
from ops.system.signals import uninterrupted
try:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        print("decided", end=" ")
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "decided interrupted\n"


def test_a_dry_run_lists_the_steps_and_changes_nothing(served, capsys):
    before = {path: path.stat().st_mtime_ns for path in served.store.iterdir()}
    go(served, dry_run=True)
    titles = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert titles == ["package", "back", "register", "check", "switch", "drain"]
    assert served.calls == []
    assert {path: path.stat().st_mtime_ns for path in served.store.iterdir()} == before


def test_a_version_that_was_packaged_just_now_may_have_the_name_that_was_asked_for(served):
    redeploy.redeploy(served.host(), served.store / "best.pt", Packaging(version="1.1", packaged="1.1"))
    assert served.default == "1.1"
    with pytest.raises(OpsError, match=r"1\.1 is already there"):
        redeploy.redeploy(served.host(), served.store / "best.pt", Packaging(version="1.1"))


def only_begin(server):
    with recovery.operation(server.host(), "x"):
        pass


@pytest.mark.parametrize("begin", [go, only_begin])
def test_an_operation_waits_until_up_has_started_the_servers(served, monkeypatch, capsys, begin):
    up = contextlib.ExitStack()
    up.enter_context(lock.held(served.store, lock.UP))
    waited = []

    def wait(is_over, deadline_s):
        assert not is_over()
        assert served.calls == []
        up.close()
        waited.append(is_over())

    monkeypatch.setattr(preconditions, "poll", wait)
    begin(served)
    assert waited == [True]
    assert "waiting for another operation" in capsys.readouterr().out
