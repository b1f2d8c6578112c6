"""Blue/green with several models: the standby server must have each, checked, and all switch with it."""

from __future__ import annotations

import json

import pytest

from ops.bluegreen import status, switch
from ops.errors import DriftError, LockedError, NotNowError, OpsError
from ops.paths import current_archive
from ops.releases import redeploy
from ops.rollout.candidate import Packaging
from ops.store import audit, intent, lock, routing
from ops.store.bluegreen import GREEN
from ops.torchserve import standby
from tests.unit.ops.bluegreen.test_switch import MADE, World
from tests.unit.ops.fake_server import FakeServer, error, make_current, write_archive


@pytest.fixture
def world(served, monkeypatch) -> World:
    """`helmets` is served next to `yolo`; green has both once it runs."""
    monkeypatch.setattr(standby, "START_S", 0.5)
    monkeypatch.setattr(switch, "BACK_S", 0.5)
    helmets = served.serve("helmets", "2.0")
    green = FakeServer(served.store, down=True, others={"helmets": FakeServer(helmets.store, "2.0", {"2.0": []})})
    return World(served, green)


@pytest.fixture
def helmets(world) -> tuple[FakeServer, FakeServer]:
    """The fakes of `helmets` on blue and on green."""
    return world.blue.others["helmets"], world.green.others["helmets"]


def test_every_model_is_awaited_checked_drained_and_switched(world, helmets, capsys):
    switch.up(world.pair, MADE)
    said = capsys.readouterr().out
    assert "helmets: 1 worker(s), version 2.0" in said
    assert "found 2; helmets on blue finds 2" in said
    switch.switch(world.pair)
    assert world.server == GREEN
    assert "drain helmets on blue" in capsys.readouterr().out
    assert not routing.path(helmets[0].store).exists(), "the routing of yolo alone names the server"
    redeploying = pytest.raises(NotNowError, match="a second server stands by")
    with redeploying:
        redeploy.redeploy(world.pair.serving.of_model("helmets"), helmets[0].store / "x.pt", Packaging(packaged="2.1"))
    switch.back(world.pair)
    switch.switch(world.pair)
    switch.down(world.pair)
    assert (world.did[-1], world.server) == ("stop blue", GREEN)


@pytest.mark.parametrize(
    ("amiss", "why"),
    [
        ("drifts", "helmets on green answers differently from helmets on blue"),
        ("is not there", "helmets on green was not READY"),
        ("is an older version", r"helmets on green holds version 2\.0, and helmets\.mar is 2\.1 by now"),
    ],
)
def test_a_standby_server_with_one_model_amiss_is_stopped_again(world, helmets, amiss, why):
    if amiss == "drifts":
        helmets[1].found["2.0"] = 0
    elif amiss == "is not there":
        helmets[1].faults["GET /models/helmets"] = lambda fake: error(404, "Model not found: helmets")
    else:
        write_archive(helmets[0].store, "2.1")
        world.start = lambda side, made: (World.start(world, side, made), make_current(helmets[0].store, "2.1"))
    kind = DriftError if amiss == "drifts" else OpsError
    with pytest.raises(kind, match=why):
        switch.up(world.pair, MADE)
    assert (world.did[-1], world.sides.has_both, world.server) == ("stop green", False, None)


def test_a_model_that_the_answering_server_cannot_answer_holds_nothing_up(world, helmets):
    helmets[0].workers["2.0"] = [("DIED", 7)]
    helmets[1].faults["GET /models/helmets"] = lambda fake: error(404, "Model not found: helmets")
    switch.up(world.pair, MADE)
    switch.switch(world.pair)
    assert world.server == GREEN


def test_an_unloaded_model_is_loaded_for_the_check(world, helmets, capsys):
    helmets[0].unload()
    world.start = lambda side, made: (World.start(world, side, made), helmets[1].unload())
    switch.up(world.pair, MADE)
    assert capsys.readouterr().out.count("load 2.0, which was unloaded: done") == 2
    helmets[1].unload()
    switch.switch(world.pair)
    assert world.server == GREEN


def test_it_waits_for_no_operation_of_any_model_and_settles_what_each_left(world, helmets):
    with lock.held(helmets[0].store, "redeploy of 2.1"), pytest.raises(LockedError, match="on helmets is at work"):
        switch.up(world.pair, MADE)
    assert world.did == []
    write_archive(helmets[0].store, "2.1", b"new")
    intent.write(helmets[0].store, intent.Intent("redeploy", "2.1", "2.0", fresh=True))
    switch.up(world.pair, MADE)
    assert intent.read(helmets[0].store) is None
    assert audit.entries(helmets[0].store)[-1]["outcome"] == "mended"
    assert not (world.blue.store / "helmets-2.1.mar").exists()


def test_a_split_of_any_model_ends_first(world, helmets):
    write_archive(helmets[0].store, "2.1", b"new")
    routing.write(helmets[0].store, routing.Routing(stable="2.0", canary=routing.Canary("2.1", 5, "s")))
    helmets[0].workers["2.1"] = [("READY", 1)]
    with pytest.raises(NotNowError, match=r"bash scripts/canary\.sh promote --model helmets"):
        switch.up(world.pair, MADE)
    assert world.did == []


def test_the_stable_version_of_each_model_is_that_of_its_server(world, helmets):
    current_archive(helmets[0].store).unlink()
    write_archive(helmets[0].store, "2.0", b"another")
    make_current(helmets[0].store, "2.0")
    routing.write(helmets[0].store, routing.Routing(stable="1.9"))
    switch.up(world.pair, MADE, accept_drift=True)
    switch.switch(world.pair)
    assert routing.read(helmets[0].store).stable == "2.0"


def test_the_status_shows_every_model_of_each_server(world, helmets, capsys):
    switch.up(world.pair, MADE)
    capsys.readouterr()
    helmets[0].unload()
    status.print_status(world.pair)
    said = capsys.readouterr().out
    assert "helmets 2.0: unloaded" in said
    assert "helmets 2.0: READY" in said
    status.print_status(world.pair, as_json=True)
    assert json.loads(capsys.readouterr().out)["servers"]["blue"]["models"] == {"helmets": "2.0: unloaded"}
