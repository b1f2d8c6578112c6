import json

import pytest

from ops.errors import DriftError, NoSuchVersionError, NotNowError, OpsError, UsageError
from ops.releases import redeploy, rollback
from ops.rollout.candidate import Packaging
from ops.store import audit, releases, routing
from ops.traffic import canary, experiment, shadow, status
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_gateway import FakeGateway, gateways
from tests.unit.ops.fake_server import write_archive

NIGHT = {"1.0": 30, "1.1": 30, "1.2": 25}
FRESH = Packaging(packaged="1.1")


@pytest.fixture
def server(served):
    write_archive(served.store, "1.2", b"newer")
    write_archive(served.store, "1.3", b"newest")
    return served


def begin_shadow(server, **options):
    shadow.start(server.host(), str(server.store / "best.pt"), 20, FRESH, **options)


def test_the_shares_of_the_command_line():
    assert experiment.shares(["1.1=50", "1.2=12.5"]) == {"1.1": 50, "1.2": 12.5}
    for wrong in (
        [],
        ["1.1"],
        ["1.1=50", "1.1=5"],
        ["1.1=60", "1.2=41"],
        ["1.1=half"],
        [f"1.{n}=1" for n in range(17)],
    ):
        with pytest.raises(UsageError):
            experiment.shares(wrong)
    with pytest.raises(OpsError, match="cannot be a version"):
        experiment.shares(["../x=5"])


def test_an_experiment_loads_its_versions_beside_the_stable_one_and_its_end_removes_them(server, capsys):
    experiment.start(server.host(), "night", NIGHT, note="darker pictures", salt="s")
    found = routing.read(server.store)
    assert (found.stable, found.experiment) == ("1.0", routing.Experiment("night", NIGHT, "s"))
    assert set(server.workers) == {"1.0", "1.1", "1.2"}
    assert "the rest (15 %) to 1.0" in capsys.readouterr().out
    assert routing.read(server.store).parts("1.2") == ["experiment"]
    assert_consistent(server)
    experiment.stop(server.host())
    assert list(server.workers) == ["1.0"]
    assert {"1.1", "1.2"} <= set(releases.read(server.store).releases), "its versions stay kept"
    assert_consistent(server)
    actions = [(entry["action"], entry["to"]) for entry in audit.entries(server.store)]
    assert actions[-2:] == [("experiment start", "night"), ("experiment stop", "night")]


def test_a_version_of_an_experiment_that_drifts_leaves_none_of_them(server):
    server.found["1.2"] = 0
    with pytest.raises(DriftError):
        experiment.start(server.host(), "night", NIGHT)
    assert list(server.workers) == ["1.0"]
    assert_consistent(server)
    experiment.start(server.host(), "night", NIGHT, accept_drift=True)
    assert_consistent(server)


def test_while_an_experiment_runs_other_releases_are_refused_with_the_mend(server):
    experiment.start(server.host(), "night", NIGHT)
    for operation in (
        lambda: redeploy.redeploy(
            server.host(), server.store / "best.pt", Packaging(packaged="1.3"), abort_canary=True
        ),
        lambda: rollback.rollback(server.host(), "1.1"),
        lambda: canary.start(server.host(), "1.3", 10),
        lambda: experiment.start(server.host(), "day", {"1.3": 10}),
    ):
        with pytest.raises(NotNowError, match=r"night.*experiment\.sh stop"):
            operation()
    with pytest.raises(NotNowError, match="in the experiment already"):
        shadow.start(server.host(), "1.2", 10)
    assert_consistent(server)


def test_a_version_that_is_not_kept_is_named_before_anything_is_loaded(server):
    with pytest.raises(NoSuchVersionError, match=r"9\.9"):
        experiment.start(server.host(), "night", {"1.1": 10, "9.9": 10})
    assert server.calls == []
    with pytest.raises(OpsError, match="cannot be a version"):
        experiment.start(server.host(), "a name\nwith more", NIGHT)


def test_a_shadow_stands_beside_a_canary_and_outlives_a_release(server):
    begin_shadow(server)
    assert releases.read(server.store).releases["1.1"].made_for == "shadow"
    canary.start(server.host(), "1.2", 10)
    assert_consistent(server)
    canary.promote(server.host())
    assert routing.read(server.store).summary == "shadow 1.1 20 %"
    assert_consistent(server)
    shadow.stop(server.host())
    assert "1.1" in releases.read(server.store).releases
    assert_consistent(server)


def test_a_shadow_that_goes_live_is_none_any_more(server):
    begin_shadow(server)
    rollback.rollback(server.host(), "1.1")
    assert routing.read(server.store).shadow is None
    assert_consistent(server)


def test_a_shadow_is_removed_when_asked_and_was_made_for_it(server):
    begin_shadow(server)
    shadow.stop(server.host(), remove=True)
    assert not (server.store / "yolo-1.1.mar").exists()
    shadow.start(server.host(), "1.2", 5)
    shadow.stop(server.host(), remove=True)
    assert (server.store / "yolo-1.2.mar").exists()
    assert_consistent(server)


def test_what_plays_a_part_already_cannot_be_the_shadow_and_there_is_one_at_a_time(server):
    canary.start(server.host(), "1.2", 10)
    for version in ("1.0", "1.2"):
        with pytest.raises(NotNowError):
            shadow.start(server.host(), version, 5)
    begin_shadow(server)
    with pytest.raises(NotNowError, match=r"1\.1 is the shadow already.*shadow\.sh stop"):
        shadow.start(server.host(), "1.3", 5)
    canary.abort(server.host())
    with pytest.raises(NotNowError, match="shadow"):
        canary.start(server.host(), "1.1", 5)
    with pytest.raises(NotNowError, match="shadow"):
        experiment.start(server.host(), "night", {"1.1": 5})


def test_nothing_to_stop_is_told_with_how_to_start(server):
    with pytest.raises(NotNowError, match=r"experiment\.sh start"):
        experiment.stop(server.host())
    with pytest.raises(NotNowError, match=r"shadow\.sh start"):
        shadow.stop(server.host())


def test_dry_runs_change_nothing(server, capsys):
    experiment.start(server.host(), "night", NIGHT, dry_run=True)
    shadow.start(server.host(), "1.1", 20, dry_run=True)
    assert not routing.path(server.store).exists()
    begin_shadow(server)
    before = routing.read(server.store)
    shadow.stop(server.host(), remove=True, dry_run=True)
    assert "yolo-1.1.mar: removed" in capsys.readouterr().out
    shadow.stop(server.host())
    experiment.start(server.host(), "night", NIGHT)
    experiment.stop(server.host(), dry_run=True)
    assert capsys.readouterr().out.count("nothing is changed") == 1
    assert before.shadow
    assert routing.read(server.store).experiment


def test_the_status_of_a_shadow_counts_the_differences(server, capsys):
    begin_shadow(server)
    gateway = FakeGateway(server.store)
    gateway.happen("1.0", "stable", 500)
    gateway.happen("1.1", "shadow", 100, compared=98, missing=7, extra=3, moved=11, skipped=2, errors=2)
    status.print_status(server.host(), gateways(gateway), "shadow")
    said = capsys.readouterr().out
    assert "shadow 1.1 20 % (revision 1" in said
    assert "1.1: READY" in said
    lines = [line.split() for line in said.splitlines()]
    assert ["1.1", "98", "7", "3", "11", "2"] in lines
    assert ["1.1", "shadow", "100", "2", "25", "50", "3.00"] in lines


def test_the_status_of_a_canary_by_gateway_with_what_is_wrong(server, capsys):
    canary.start(server.host(), "1.1", 10)
    gateway, down = FakeGateway(server.store), FakeGateway(server.store, down=True)
    gateway.happen("1.0", "stable", 90)
    gateway.happen("1.1", "canary", 10, fallbacks=4)
    gateway.happen("0.9", "canary", 777)  # an earlier one's
    server.restarts()
    status.print_status(server.host(), gateways(gateway, down), "canary")
    said = capsys.readouterr().out
    assert "1.1: not loaded" in said
    assert "777" not in said
    assert "note: the gateway http://gateway1 does not answer" in said
    assert "note: 4 requests meant for 1.1 were answered by the stable one, 0 of them after 1.1 had failed" in said
    status.print_status(server.host(), gateways(gateway), "canary", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["active"], told["canary"]["percent"], told["gateways"][0]["rows"][1]["counts"]["requests"]) == (
        True, 10, 10,
    )  # fmt: skip


def test_a_gateway_that_does_not_read_the_file_is_found_out(server, capsys, tmp_path_factory):
    canary.start(server.host(), "1.1", 10)
    deaf = FakeGateway(tmp_path_factory.mktemp("elsewhere"))
    status.print_status(server.host(), gateways(deaf), "canary")
    assert "ROUTING_FILE" in capsys.readouterr().out
    status.report_gateways_behind(server.host(), gateways(deaf, FakeGateway(server.store)))
    assert capsys.readouterr().out.count("note:") == 1


@pytest.mark.parametrize("part", ["canary", "experiment", "shadow"])
def test_the_status_of_nothing(server, capsys, part):
    status.print_status(server.host(), gateways(), part)
    assert f"no {part} is active" in capsys.readouterr().out


def test_a_shadow_that_may_not_begin_leaves_no_archive_of_what_was_packaged_for_it(server):
    begin_shadow(server)
    with pytest.raises(NotNowError, match="the shadow already"):
        shadow.start(server.host(), str(server.store / "best.pt"), 20, Packaging(packaged="1.2"))
    assert not (server.store / "yolo-1.2.mar").exists()
