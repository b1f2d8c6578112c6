"""Release operations of another model: its own files and addresses, and `yolo` notices nothing."""

from __future__ import annotations

import pytest

from ops.errors import DriftError, NotNowError, NotRunningError, RestartNeededError
from ops.paths import current_archive
from ops.releases import history, prune, redeploy, rollback
from ops.rollout import recovery
from ops.rollout.candidate import Packaging
from ops.store import audit, intent, inventory, lock, releases, routing
from ops.traffic import autopilot, canary, experiment, shadow
from tests.support.archives import left_over
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_gateway import FakeGateway, gateways
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def helmets(served):
    """Version 2.0 of `helmets` is served next to `yolo`, and 2.1 was just packaged."""
    fake = served.serve("helmets", "2.0")
    write_archive(fake.store, "2.1", b"new helmets")
    return fake


@pytest.fixture
def host(served, helmets):
    return served.host("helmets")


@pytest.fixture(autouse=True)
def untouched(served, helmets):
    """`yolo` is after each test what it was before."""
    files = {path: path.read_bytes() for path in served.store.glob("yolo*.mar")}
    state = releases.read(served.store)
    yield
    assert {path: path.read_bytes() for path in served.store.glob("yolo*.mar")} == files
    assert (served.default, list(served.workers), releases.read(served.store)) == ("1.0", ["1.0"], state)
    assert audit.entries(served.store) == []
    assert not routing.path(served.store).exists()
    assert not any("yolo" in call for call in served.calls)


def redeployed(host) -> None:
    redeploy.redeploy(host, host.store / "helmets.pt", Packaging(packaged="2.1"))


def test_a_redeploy_and_the_way_back(host, helmets, capsys):
    redeployed(host)
    assert (helmets.default, inventory.look(helmets.store)[0].current) == ("2.1", "2.1")
    said = capsys.readouterr().out
    assert "2.1 is live, 2.0 is kept. The way back: bash scripts/rollback.sh --model helmets" in said
    rollback.rollback(host, dry_run=True)
    assert "switch       helmets.mar and the default to 2.0" in capsys.readouterr().out
    rollback.rollback(host)
    assert_consistent(helmets)
    assert [line["action"] for line in audit.entries(helmets.store)] == ["redeploy", "rollback"]
    assert left_over(helmets.store.parent.parent) == set()


def test_the_releases_of_a_model_that_is_not_loaded_do_not_blame_the_server(host, served, capsys):
    del served.others["helmets"]
    history.print_releases(host)
    assert "TorchServe does not serve helmets" in capsys.readouterr().out
    served.down = True
    history.print_releases(host)
    assert "TorchServe does not answer" in capsys.readouterr().out


def test_a_canary_is_in_the_models_own_routing_and_judged_by_its_own_counters(
    host, helmets, served, monkeypatch, capsys
):
    monkeypatch.setattr(autopilot, "POLL_S", 0.0)
    canary.start(host, str(helmets.store / "helmets.pt"), 10, Packaging(packaged="2.1"))
    assert routing.path(helmets.store) == served.store / "routing" / "helmets.json"
    assert "promote | abort --model helmets" in capsys.readouterr().out
    with pytest.raises(NotNowError, match=r"bash scripts/canary\.sh promote --model helmets"):
        rollback.rollback(host)
    gateway = FakeGateway(helmets.store, model="helmets")
    gateway.happen("2.0", "stable", 100)
    gateway.happen("2.1", "canary", 100)

    def goes_on(*_):
        gateway.happen("2.0", "stable", 200)
        gateway.happen("2.1", "canary", 200)

    monkeypatch.setattr(autopilot.time, "sleep", goes_on)
    autopilot.run(host, gateways(gateway, model="helmets"), [50, 100], {"hold_s": 0})
    assert helmets.default == "2.1"
    assert_consistent(helmets)


def test_an_experiment_a_shadow_and_their_ends(host, helmets, capsys):
    experiment.start(host, "night", {"2.1": 50})
    assert "The end: bash scripts/experiment.sh stop --model helmets" in capsys.readouterr().out
    experiment.stop(host)
    shadow.start(host, "2.1", 20)
    assert "shadow.sh status | stop --model helmets" in capsys.readouterr().out
    shadow.stop(host)
    with pytest.raises(NotNowError, match=r"shadow\.sh start .* --model helmets"):
        shadow.stop(host)
    assert_consistent(helmets)


def test_the_list_and_prune_are_of_the_model(host, helmets, capsys):
    history.print_releases(host)
    said = capsys.readouterr().out
    assert "2.1" in said
    assert "1.1" not in said
    current_archive(helmets.store).unlink()
    history.print_releases(host)
    assert "note: there is no helmets.mar" in capsys.readouterr().out
    make_current(helmets.store, "2.0")
    write_archive(helmets.store, "2.2")
    prune.prune(host, keep=1)
    assert list(inventory.look(helmets.store)[0].releases) == ["2.0", "2.2"]


def test_what_was_cut_off_is_settled_by_the_models_own_next_operation(host, helmets, served):
    redeployed(host)
    intent.write(helmets.store, intent.Intent("rollback", "2.0", "2.1"))
    make_current(helmets.store, "2.0")
    assert intent.read(served.store) is None, "an operation of another model finds nothing to settle"
    recovery.recover(host)
    assert intent.read(helmets.store) is None
    assert audit.entries(helmets.store)[-1]["outcome"] == "mended"


def test_what_was_cut_off_is_settled_without_the_model_on_the_server_too(host, helmets, served):
    del served.others["helmets"]
    intent.write(helmets.store, intent.Intent("redeploy", "2.1", "2.0", fresh=True))
    recovery.recover(host)
    assert intent.read(helmets.store) is None
    assert list(inventory.look(helmets.store)[0].releases) == ["2.0"]


def test_an_operation_of_another_model_does_not_block_it(host, helmets, served):
    with lock.held(served.store, "redeploy of 1.1"):
        redeployed(host)
    assert helmets.default == "2.1"


def test_a_model_that_a_running_server_does_not_have_costs_the_others_no_restart(host, helmets, served, monkeypatch):
    del served.others["helmets"]
    monkeypatch.setattr(rollback, "DOWN_AFTER_S", 0.0)
    for operation in (lambda: redeployed(host), lambda: rollback.rollback(host, "2.0")):
        with pytest.raises(NotRunningError, match=r"does not serve helmets; .*models\.sh add NEW\.pt --name helmets"):
            operation()
    served.down = True
    write_archive(helmets.store, "2.1", b"new helmets")
    with pytest.raises(RestartNeededError, match=r"helmets\.mar is in place"):
        rollback.rollback(host, "2.1")


def test_an_unloaded_model_is_loaded_to_be_compared_with_the_new_version(host, helmets, capsys):
    helmets.unload()
    helmets.found["2.1"] = 0
    with pytest.raises(DriftError, match="nothing found, the running version finds 2"):
        redeployed(host)
    assert "load 2.0, which was unloaded" in capsys.readouterr().out
    helmets.unload()
    write_archive(helmets.store, "2.1", b"new helmets")
    helmets.found.clear()
    redeployed(host)
    assert_consistent(helmets)


def test_a_new_version_that_is_unloaded_while_it_loads_is_wanted_all_the_same(host, helmets):
    unloaded = []

    def idle(fake):
        if not unloaded and fake.minimum.get("2.1"):
            unloaded.append("2.1")
            fake.workers["2.1"], fake.minimum["2.1"] = [], 0

    helmets.faults["GET /models/helmets/2.1"] = idle
    redeployed(host)
    assert (unloaded, helmets.default) == (["2.1"], "2.1")


def test_a_decided_version_that_is_unloaded_by_then_becomes_the_default(host, helmets):
    intent.write(helmets.store, intent.Intent("redeploy", "2.1", "2.0"))
    make_current(helmets.store, "2.1")
    helmets.workers["2.1"], helmets.minimum["2.1"] = [], 0
    recovery.recover(host)
    assert_consistent(helmets)
    assert helmets.default == "2.1"
