import json
import resource
import subprocess
import sys

import pytest

from ops import audit, intent, lock, management, opening, redeploy, releases, rollback
from ops.candidate import Packaging
from ops.errors import DriftError, LockedError, NoSuchVersionError, NotRunningError, OpsError, RestartNeededError
from tests.support import ROOT
from tests.unit.ops.fake_server import FakeServer, error, make_current, write_archive


@pytest.fixture
def server(tmp_path):
    """1.0 is current and served, 1.1 was just packaged."""
    write_archive(tmp_path, "1.0", b"old")
    make_current(tmp_path, "1.0")
    releases.save(tmp_path, releases.look(tmp_path)[0])
    write_archive(tmp_path, "1.1", b"new", padding=300_000)
    return FakeServer(tmp_path)


def go(server, **options):
    how = Packaging(note=options.pop("note", ""), packaged="1.1")
    redeploy.redeploy(server.host(), server.store / "best.pt", how, **options)


def current(server):
    return releases.look(server.store)[0].current


def hidden(server):
    return {path.name for path in server.store.iterdir() if path.name.startswith(".")} - {lock.GUARD}


def assert_nothing_happened(server):
    assert current(server) == "1.0"
    assert server.default == "1.0"
    assert list(server.workers) == ["1.0"]
    assert not (server.store / "yolo-1.1.mar").exists()
    assert hidden(server) == set()
    assert audit.read(server.store)[-1]["outcome"] == "failed"


def test_the_new_version_is_loaded_before_it_is_the_default_and_the_old_one_goes_last(server):
    go(server, note="better")
    assert server.calls == [
        "DELETE /models/yolo/1.1",
        "POST /models",
        "PUT /models/yolo/1.1",
        "PUT /models/yolo/1.1/set-default",
        "DELETE /models/yolo/1.0",
    ]
    state = releases.read(server.store)
    assert (state.current, state.previous) == ("1.1", "1.0")
    assert hidden(server) == set()
    (line,) = audit.read(server.store)
    assert (line["from"], line["to"], line["outcome"], line["detail"]) == ("1.0", "1.1", "done", "better")


@pytest.mark.parametrize(
    "call", ["POST /models", "GET /models/yolo/1.1", "PUT /models/yolo/1.1", "POST /predictions/yolo/1.1"]
)
def test_a_server_killed_before_the_decision_comes_back_with_the_old_version(server, call):
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

    server.faults[call] = vanish
    with pytest.raises(OpsError, match=r"Version 1\.0 answers"):
        go(server)
    assert_nothing_happened(server)


@pytest.mark.parametrize("restarted_before_the_rename", [False, True])
def test_a_server_killed_while_the_default_moves_ends_on_the_new_version(server, restarted_before_the_rename):
    def die(fake):
        fake.faults.clear()
        if restarted_before_the_rename:
            fake.default, fake.workers = "1.0", {"1.0": [("READY", 300)]}
        else:
            fake.restarts()
        return error(503, "starting")

    server.faults["PUT /models/yolo/1.1/set-default"] = die
    go(server)
    assert (current(server), server.default, list(server.workers)) == ("1.1", "1.1", ["1.1"])
    assert hidden(server) == set()


def test_a_default_that_is_refused_takes_the_replaced_archive_back(server):
    server.faults["PUT /models/yolo/1.1/set-default"] = lambda fake: error(500, "no")
    with pytest.raises(OpsError, match="no"):
        go(server)
    assert_nothing_happened(server)


def test_a_worker_that_dies_while_it_loads_ends_it_without_waiting_for_the_deadline(server):
    pids = iter(range(1000, 9000))

    def starting(fake):
        fake.workers["1.1"] = [("UNLOADING", next(pids))]

    server.faults["GET /models/yolo/1.1"] = starting
    with pytest.raises(OpsError, match="died while it loaded"):
        go(server)
    server.faults.clear()
    assert_nothing_happened(server)


def test_answers_that_drift_stop_it_unless_they_are_meant(server):
    server.found["1.1"] = 0
    with pytest.raises(DriftError, match="nothing found"):
        go(server)
    assert_nothing_happened(server)
    write_archive(server.store, "1.1", b"new")
    go(server, accept_drift=True)
    assert current(server) == "1.1"


def test_a_full_disk_is_found_before_anything_is_loaded(server):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100_000, before[1])
    )  # a file that may grow no further, as on a full disk
    try:
        with pytest.raises(OpsError, match=r"writing yolo\.mar"):
            go(server)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "POST /models" not in server.calls
    assert_nothing_happened(server)


def test_an_interruption_puts_everything_back(server):
    def interrupt(fake):
        raise KeyboardInterrupt

    server.faults["PUT /models/yolo/1.1"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        go(server)
    assert_nothing_happened(server)


def test_an_old_version_that_cannot_be_removed_is_a_warning_and_the_next_operation_removes_it(
    server, capsys, monkeypatch
):
    monkeypatch.setattr(management, "UNREGISTER_S", 0.0)
    server.faults["DELETE /models/yolo/1.0"] = lambda fake: error(500, "busy")
    go(server)
    assert "warning: 1.0 is still loaded" in capsys.readouterr().out
    assert (current(server), server.default, set(server.workers)) == ("1.1", "1.1", {"1.0", "1.1"})
    server.faults.clear()
    opening.opened(server.host(), left_by=None)
    assert (current(server), server.default, set(server.workers)) == ("1.1", "1.1", {"1.1"})
    assert releases.read(server.store).previous == "1.0"


def test_a_removal_that_was_interrupted_inside_the_server_is_asked_for_again(server):
    def once(fake):
        fake.faults.clear()
        return error(500, "Interrupted while cleaning resources: yolo")

    server.faults["DELETE /models/yolo/1.0"] = once
    go(server)
    assert list(server.workers) == ["1.1"]


def test_where_nothing_runs_it_is_said_before_packaging(server):
    server.down = True
    with pytest.raises(NotRunningError, match=r"bash scripts/up\.sh"):
        opening.preflight(server.host())


def test_a_held_lock_is_told_and_the_version_that_could_not_begin_is_removed(server):
    with lock.held(server.store, "something else"), pytest.raises(LockedError, match="something else"):
        go(server)
    assert server.calls == []
    assert not (server.store / "yolo-1.1.mar").exists()


def test_an_archive_of_the_current_version_that_is_not_kept_is_backed_up_first(server):
    (server.store / "yolo-1.0.mar").unlink()
    go(server)
    state = releases.read(server.store)
    assert (state.current, state.previous) == ("1.1", "1.0")
    assert (server.store / "yolo-1.0.mar").is_file()


@pytest.mark.parametrize("decided", [False, True])
def test_what_a_killed_operator_left_is_undone_before_the_decision_and_completed_after_it(server, decided):
    state, _ = releases.look(server.store)
    releases.save(server.store, state)
    intent.write(server.store, intent.Intent("redeploy", "1.1", "1.0", fresh=True))
    (server.store / ".yolo.mar.before").write_bytes(b"x")
    server.workers["1.1"] = [("READY", 200)]
    if decided:
        make_current(server.store, "1.1")
    opening.opened(server.host(), left_by="somebody")
    state = releases.read(server.store)
    serves = "1.1" if decided else "1.0"
    assert (state.current, server.default, list(server.workers)) == (serves, serves, [serves])
    assert state.previous == ("1.0" if decided else None)
    assert (server.store / "yolo-1.1.mar").exists() is decided
    assert hidden(server) == set()
    assert [line["outcome"] for line in audit.read(server.store)] == ["mended", "mended"]


def test_a_rollback_goes_to_the_previous_version_and_again_forward(server):
    go(server)
    rollback.rollback(server.host())
    assert (current(server), server.default) == ("1.0", "1.0")
    rollback.rollback(server.host())
    assert (current(server), server.default) == ("1.1", "1.1")


def test_a_rollback_answers_with_one_worker_while_the_others_load(server):
    go(server)
    server.workers["1.1"] = [("READY", 100), ("READY", 101)]
    scaled = []
    server.faults["PUT /models/yolo/1.0"] = lambda fake: scaled.append((fake.default, len(fake.workers["1.0"])))
    rollback.rollback(server.host())
    # One worker, then the default, then the other one; the old version is there all the while.
    assert scaled == [("1.1", 0), ("1.1", 1), ("1.0", 1)]
    assert server.workers == {"1.0": [("READY", 200), ("READY", 201)]}


def test_a_rollback_that_was_killed_before_its_other_workers_gets_them_from_the_next_operation(server):
    go(server)
    server.workers["1.1"] = [("READY", 100), ("READY", 101)]
    state, _ = releases.look(server.store)
    intent.write(server.store, intent.Intent("rollback", "1.0", "1.1", False))
    make_current(server.store, "1.0")
    server.workers["1.0"] = [("READY", 200)]
    server.default = "1.0"
    state, _ = releases.look(server.store)
    assert "completed" in intent.mend(server.host().server, server.store, state)
    assert server.workers == {"1.0": [("READY", 200), ("READY", 201)]}


def test_a_rollback_with_nothing_before_names_what_there_is(server):
    with pytest.raises(NoSuchVersionError, match=r"1\.0"):
        rollback.rollback(server.host())


def test_a_rollback_to_a_damaged_archive_changes_nothing(server):
    go(server)
    path = server.store / "yolo-1.0.mar"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(NoSuchVersionError, match="sha256"):
        rollback.rollback(server.host(), "1.0")
    assert (current(server), server.default) == ("1.1", "1.1")


def test_a_rollback_while_the_server_is_down_decides_on_disk_and_asks_for_a_restart(server, monkeypatch):
    go(server)
    server.down = True
    monkeypatch.setattr(rollback, "DOWN_AFTER_S", 0.0)
    with pytest.raises(RestartNeededError):
        rollback.rollback(server.host(), "1.0")
    assert current(server) == "1.0"
    assert json.loads((server.store / "releases.json").read_text())["roles"]["previous"] == "1.1"


def test_signals_wait_until_the_decision_is_over():
    # In a process of its own: libraries that other tests have loaded here bring signal handlers of theirs.
    code = """
import signal
from ops.signals import uninterrupted
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
