import pytest

from ops.errors import DriftError, LockedError, NoSuchVersionError, NotNowError, NotRunningError, OpsError
from ops.releases import redeploy, rollback
from ops.rollout import recovery
from ops.rollout.candidate import Packaging
from ops.store import audit, inventory, lock, releases, routing
from ops.traffic import canary
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_server import error, make_current, write_archive

FRESH = Packaging(packaged="1.1", note="better")


def start(server, percent=10, **options):
    canary.start(server.host(), str(server.store / "best.pt"), percent, FRESH, salt="s", **options)


@pytest.fixture
def split(served):
    """1.1 is the canary at 10 %."""
    start(served)
    served.calls.clear()
    return served


def state(server):
    return inventory.look(server.store)[0]


def shares(server):
    found = routing.read(server.store).canary
    return found and (found.version, found.percent)


def test_it_is_loaded_and_checked_before_a_gateway_hears_of_it(served):
    def not_yet(fake):
        assert not routing.path(fake.store).exists()

    served.faults["POST /predictions/yolo/1.1"] = not_yet
    start(served)
    assert served.calls == ["DELETE /models/yolo/1.1", "POST /models", "PUT /models/yolo/1.1"]
    assert shares(served) == ("1.1", 10)
    assert routing.read(served.store).stable == "1.0"
    assert state(served).releases["1.1"].made_for == "canary"
    assert_consistent(served)
    line = audit.entries(served.store)[-1]
    assert (line["action"], line["outcome"], line["to"], line["note"]) == ("canary start", "done", "1.1", "better")


def test_a_candidate_that_drifts_is_refused_and_nothing_of_it_is_left(served):
    served.found["1.1"] = 0
    with pytest.raises(DriftError, match="nothing found"):
        start(served)
    assert not (served.store / "yolo-1.1.mar").exists()
    assert shares(served) is None
    assert_consistent(served)
    write_archive(served.store, "1.1", b"new")
    start(served, accept_drift=True)
    assert shares(served) == ("1.1", 10)


def test_one_that_may_not_begin_leaves_no_archive_of_what_was_packaged_for_it(split):
    write_archive(split.store, "1.2", b"newer")
    with pytest.raises(NotNowError, match="canary is active"):
        canary.start(split.host(), str(split.store / "best.pt"), 10, Packaging(packaged="1.2"))
    assert not (split.store / "yolo-1.2.mar").exists()
    assert (split.store / "yolo-1.1.mar").is_file()
    split.down = True
    write_archive(split.store, "1.2", b"newer")
    with pytest.raises(NotRunningError):
        canary.start(split.host(), str(split.store / "best.pt"), 10, Packaging(packaged="1.2"))
    assert not (split.store / "yolo-1.2.mar").exists()


def test_a_kept_version_that_may_not_begin_stays_kept(split):
    with pytest.raises(NotNowError):
        canary.start(split.host(), "1.1", 10, Packaging(packaged="1.1"))
    assert (split.store / "yolo-1.1.mar").is_file()


def test_a_server_that_refuses_just_as_it_begins_leaves_no_archive(served):
    asked = []

    def the_second_time(fake):  # after the check before the lock
        asked.append("GET /models/yolo")
        return error(503, "busy") if len(asked) == 2 else None

    served.faults["GET /models/yolo"] = the_second_time
    with pytest.raises(OpsError, match="busy"):
        start(served)
    assert not (served.store / "yolo-1.1.mar").exists()
    assert audit.entries(served.store)[-1]["outcome"] == "failed"
    assert_consistent(served)


def test_a_routing_that_cannot_be_written_leaves_nothing(served, monkeypatch):
    (served.store / "routing").write_text("in the way")
    with pytest.raises(OpsError, match=r"writing routing\.json"):
        start(served)
    (served.store / "routing").unlink()
    assert list(served.workers) == ["1.0"]
    assert_consistent(served)


def test_another_share_is_one_write_and_nothing_is_loaded_anew(split):
    canary.set_percent(split.host(), 50)
    assert split.calls == []
    assert shares(split) == ("1.1", 50)
    assert routing.read(split.store).canary.salt == "s", "the same clients stay in it"
    assert audit.entries(split.store)[-1]["detail"] == "10 % to 50 %"


def test_a_canary_that_a_restarted_server_came_back_without_is_loaded_again(split):
    split.restarts()
    canary.set_percent(split.host(), 25)
    assert set(split.workers) == {"1.0", "1.1"}
    assert_consistent(split)


def test_promotion_sends_it_everything_before_the_default_moves_and_drains_the_old_one_last(split):
    seen = []
    split.faults["PUT /models/yolo/1.1/set-default"] = lambda fake: seen.append(shares(fake))
    canary.promote(split.host())
    assert seen == [("1.1", 100)]
    assert split.calls == ["PUT /models/yolo/1.1/set-default", "DELETE /models/yolo/1.0"]
    assert (state(split).current, state(split).previous, split.default) == ("1.1", "1.0", "1.1")
    assert (shares(split), routing.read(split.store).stable) == (None, "1.1")
    assert_consistent(split)
    rollback.rollback(split.host())
    assert (state(split).current, routing.read(split.store).stable) == ("1.0", "1.0")
    assert (split.store / "yolo-1.1.mar").is_file()


def test_a_promotion_that_fails_gives_the_canary_back_the_share_it_had(split):
    split.faults["PUT /models/yolo/1.1/set-default"] = lambda fake: error(500, "no")
    with pytest.raises(OpsError, match=r"canary 1\.1 10 % goes on"):
        canary.promote(split.host())
    assert shares(split) == ("1.1", 10)
    assert set(split.workers) == {"1.0", "1.1"}
    assert_consistent(split)


def test_an_abort_tells_the_gateways_before_it_takes_the_version_from_them(split):
    seen = []
    split.faults["DELETE /models/yolo/1.1"] = lambda fake: seen.append(shares(fake))
    canary.abort(split.host())
    assert seen == [None]
    assert split.calls == ["DELETE /models/yolo/1.1"]
    assert not (split.store / "yolo-1.1.mar").exists()
    assert_consistent(split)
    (source,) = releases.read(split.store).sources.values()
    assert (source["version"], source["outcome"]) == ("1.1", "aborted")


def test_an_aborted_canary_is_kept_when_asked_and_when_it_was_kept_before(served, split):
    canary.abort(split.host(), keep=True)
    assert (split.store / "yolo-1.1.mar").is_file()
    canary.start(split.host(), "1.1", 5)
    assert shares(split) == ("1.1", 5)
    split.found["1.1"] = 2
    canary.abort(split.host())
    assert_consistent(split)


def test_a_kept_version_that_was_never_packaged_for_a_canary_survives_its_abort(served):
    recovery.recover(served.host())
    canary.start(served.host(), "1.1", 5)
    canary.abort(served.host())
    assert (served.store / "yolo-1.1.mar").is_file()
    assert_consistent(served)


def test_an_abort_while_the_server_is_down_clears_the_routing(split):
    split.down = True
    canary.abort(split.host())
    assert shares(split) is None
    split.down = False
    split.restarts()
    assert_consistent(split)


def test_a_version_that_cannot_be_removed_is_removed_by_the_next_operation(split, monkeypatch, recover):
    monkeypatch.setattr("ops.torchserve.client.UNREGISTER_S", 0.0)
    split.faults["DELETE /models/yolo/1.1"] = lambda fake: error(500, "busy")
    canary.abort(split.host())
    assert set(split.workers) == {"1.0", "1.1"}
    split.faults.clear()
    recover(split)
    assert not (split.store / "yolo-1.1.mar").exists()
    assert_consistent(split)


@pytest.mark.parametrize(
    "operation",
    [
        lambda server: redeploy.redeploy(server.host(), server.store / "best.pt", Packaging(packaged="1.2")),
        lambda server: redeploy.redeploy(
            server.host(), server.store / "best.pt", Packaging(packaged="1.2"), dry_run=True
        ),
        lambda server: rollback.rollback(server.host(), "1.0"),
        lambda server: rollback.rollback(server.host(), "1.0", dry_run=True),
        lambda server: canary.start(server.host(), "1.2", 10),
    ],
)
def test_while_a_canary_is_active_other_releases_are_refused_with_the_mend(split, operation):
    write_archive(split.store, "1.2")
    with pytest.raises(NotNowError, match=r"1\.1 at 10 %.*canary\.sh promote \(or: abort\).*--abort-canary"):
        operation(split)
    assert split.calls == []
    assert shares(split) == ("1.1", 10)


def test_a_release_can_end_the_canary_first(split):
    write_archive(split.store, "1.2")
    redeploy.redeploy(split.host(), split.store / "best.pt", Packaging(packaged="1.2"), abort_canary=True)
    assert (state(split).current, shares(split)) == ("1.2", None)
    assert not (split.store / "yolo-1.1.mar").exists()
    assert_consistent(split)


def test_a_rollback_to_the_canary_itself_keeps_its_archive(split):
    rollback.rollback(split.host(), "1.1", abort_canary=True)
    assert (state(split).current, routing.read(split.store).stable) == ("1.1", "1.1")
    assert_consistent(split)


def killed(fake):
    """The server is gone, and is back when somebody asks the default version for an answer."""

    def back(fake):
        fake.faults.clear()
        fake.down = False
        fake.restarts(beside=True)

    fake.down = True
    fake.faults = {"POST /predictions/yolo": lambda fake: back(fake)}


@pytest.mark.parametrize(
    "call", ["POST /models", "PUT /models/yolo/1.1", "GET /models/yolo/1.1", "POST /predictions/yolo/1.1"]
)
def test_a_server_killed_while_a_canary_starts_comes_back_without_it(served, call):
    served.faults[call] = killed
    with pytest.raises(OpsError, match=r"Version 1\.0 answers as before; nothing of 1\.1 is left loaded"):
        start(served)
    assert not (served.store / "yolo-1.1.mar").exists()
    assert_consistent(served)


@pytest.mark.parametrize("call", ["GET /models/yolo/all", "POST /predictions/yolo/1.1"])
def test_a_server_killed_before_a_promotion_is_decided_comes_back_with_the_canary(split, call):
    split.faults[call] = killed
    with pytest.raises(OpsError, match=r"canary 1\.1 10 % goes on"):
        canary.promote(split.host())
    assert (shares(split), split.default) == (("1.1", 10), "1.0")
    assert_consistent(split)


@pytest.mark.parametrize("call", ["PUT /models/yolo/1.1/set-default", "DELETE /models/yolo/1.0"])
def test_a_server_killed_after_a_promotion_is_decided_comes_back_promoted(split, call, recover):
    def dies_and_is_back(fake):
        fake.faults.clear()
        fake.restarts(beside=True)
        return error(503, "starting")

    split.faults[call] = dies_and_is_back
    canary.promote(split.host())
    recover(split)
    assert (shares(split), split.default) == (None, "1.1")
    assert_consistent(split)


@pytest.mark.parametrize("call", ["GET /models/yolo/all", "GET /models/yolo/1.1", "DELETE /models/yolo/1.1"])
def test_a_server_killed_under_an_abort_comes_back_without_the_canary(split, call):
    split.faults[call] = killed
    canary.abort(split.host())
    split.down = False
    split.faults.clear()
    split.restarts(beside=True)
    assert shares(split) is None
    assert_consistent(split)


def test_what_is_not_there_cannot_be_set_promoted_or_aborted(served):
    for operation in (
        lambda: canary.set_percent(served.host(), 5),
        lambda: canary.promote(served.host()),
        lambda: canary.abort(served.host()),
        lambda: canary.abort(served.host(), dry_run=True),
    ):
        with pytest.raises(NotNowError, match=r"canary\.sh start"):
            operation()


def test_what_serves_or_is_no_version_cannot_be_the_canary(served):
    with pytest.raises(NotNowError, match="serves already"):
        canary.start(served.host(), "1.0", 10)
    with pytest.raises(NoSuchVersionError, match=r"1\.0, 1\.1"):
        canary.start(served.host(), "9.9", 10)
    with lock.held(served.store, "something"), pytest.raises(LockedError):
        canary.start(served.host(), "1.1", 10)
    assert served.calls == []


def test_dry_runs_say_what_they_would_do_and_change_nothing(split, capsys):
    def snapshot():
        files = {p: p.stat().st_mtime_ns for p in split.store.rglob("*") if p.is_file()}
        return files, dict(split.workers)

    before = snapshot()
    canary.set_percent(split.host(), 50, dry_run=True)
    canary.promote(split.host(), dry_run=True)
    canary.abort(split.host(), dry_run=True)
    said = capsys.readouterr().out
    assert said.count("nothing is changed") == 3
    assert "50 % to 1.1, which gets 10 % now" in said
    assert "yolo-1.1.mar: removed (--keep keeps it)" in said
    assert snapshot() == before
    canary.abort(split.host(), keep=True)
    canary.start(split.host(), "1.1", 5, dry_run=True)
    assert "canary 1.1 5 %; the rest of the requests to 1.0" in capsys.readouterr().out


def test_prune_never_removes_a_canary_and_the_list_names_it(split, capsys):
    from ops.releases import history, prune

    for version in ("1.2", "1.3"):
        write_archive(split.store, version)
    prune.prune(split.host(), 1)
    assert (split.store / "yolo-1.1.mar").is_file()
    capsys.readouterr()
    history.print_releases(split.host())
    said = capsys.readouterr().out
    assert "canary" in said
    assert "requests: canary 1.1 10 %" in said
    split.restarts()
    history.print_releases(split.host())
    assert "1.1 should be loaded too and is not" in capsys.readouterr().out


def test_a_damaged_routing_is_replaced_by_one_without_a_split(split, recover):
    routing.path(split.store).write_text("{")
    recover(split)
    assert shares(split) is None
    assert list(split.workers) == ["1.0"]
    assert_consistent(split)


def test_a_canary_whose_archive_somebody_removed_is_taken_out_of_the_routing(split, recover):
    (split.store / "yolo-1.1.mar").unlink()
    recover(split)
    assert_consistent(split)
    assert list(split.workers) == ["1.0"]


def test_a_canary_that_the_plain_way_made_current_is_no_canary_any_more(split, recover):
    make_current(split.store, "1.1")
    split.restarts()
    recover(split)
    assert (shares(split), routing.read(split.store).stable) == (None, "1.1")
    assert_consistent(split)


def test_the_server_of_a_blue_green_switch_stays_what_it_is(split):
    from dataclasses import replace

    routing.write(split.store, replace(routing.read(split.store), server="blue"))
    canary.set_percent(split.host(), 50)
    canary.promote(split.host())
    assert routing.read(split.store).server == "blue"
