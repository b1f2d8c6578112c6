"""A second server beside the one that answers: up, switch, back and down, and what may not be done meanwhile."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

import httpx
import pytest

from ops.__main__ import parser
from ops.__main__ import run as main
from ops.bluegreen import pair as pairs
from ops.bluegreen import switch
from ops.bluegreen.pair import Pair
from ops.cli import bluegreen
from ops.errors import DriftError, NotNowError, NotServingError, OpsError, UsageError
from ops.releases import redeploy, rollback
from ops.rollout.recovery import recover
from ops.store import audit, intent, routing
from ops.store import bluegreen as sides
from ops.store.bluegreen import BLUE, GREEN, Made
from ops.system.files import write_json
from ops.torchserve import standby
from ops.torchserve.host import at, here
from ops.traffic import canary, experiment, shadow
from tests.unit.ops.fake_server import FakeServer, error, make_current


@dataclass
class World:
    """Two fakes over one store, and who was started and stopped."""

    blue: FakeServer
    green: FakeServer
    did: list[str] = field(default_factory=list)

    @property
    def pair(self) -> Pair:
        return Pair(
            self.blue.host(),
            replace(self.green.host(), side=GREEN),
            check=lambda side, made: None,
            start=self.start,
            stop=self.stop,
            alive=lambda side: side in ("blue", "green") and "fails" not in self.did,
        )

    def start(self, side, made):
        self.did.append(f"start {side}")
        self.fake(side).down = False
        self.fake(side).restarts()

    def stop(self, side):
        self.did.append(f"stop {side}")
        self.fake(side).down = True

    def fake(self, side):
        return self.blue if side == BLUE else self.green

    @property
    def server(self):
        return routing.read(self.blue.store).server

    @property
    def sides(self):
        return sides.read(self.blue.store)

    def trail(self):
        return [(line["action"], line["outcome"]) for line in audit.entries(self.blue.store)]


@pytest.fixture
def world(served, monkeypatch) -> World:
    monkeypatch.setattr(standby, "START_S", 0.5)
    monkeypatch.setattr(switch, "BACK_S", 0.5)
    green = FakeServer(served.store, down=True)
    return World(served, green)


MADE = Made(image="next", note="new libraries")


def record(store, pending="", **known):
    """Write bluegreen.json as an earlier release did, with the side that was being started or stopped."""
    write_json(store / sides.NAME, {"schema": 1, **asdict(sides.Sides(**known)), "pending": pending})


def test_up_switch_back_and_down(world):
    switch.up(world.pair, MADE)
    assert (world.did, world.server, world.sides.green, world.sides.has_both) == (["start green"], None, MADE, True)
    switch.switch(world.pair)
    assert (world.server, world.sides.back, world.did) == ("green", BLUE, ["start green"])
    switch.back(world.pair)
    assert (world.server, world.sides.back) == (None, "")
    switch.switch(world.pair)
    switch.down(world.pair)
    assert (world.did[-1], world.server, world.sides.blue, world.sides.has_both) == ("stop blue", "green", False, False)
    assert world.trail() == [
        ("bluegreen up", "done"),
        ("bluegreen switch", "done"),
        ("bluegreen back", "done"),
        ("bluegreen switch", "done"),
        ("bluegreen down", "done"),
    ]


def test_with_green_in_force_blue_is_what_comes_up_and_goes_back_into_force(world):
    switch.up(world.pair, MADE)
    switch.switch(world.pair)
    switch.down(world.pair)
    switch.up(world.pair, Made())
    assert (world.did[-1], world.sides.has_both, world.sides.green) == ("start blue", True, MADE)
    with pytest.raises(NotNowError, match="no way back"):
        switch.back(world.pair)
    switch.switch(world.pair)
    switch.down(world.pair)
    assert (world.server, world.sides) == (None, sides.Sides())


def test_a_side_that_is_never_ready_is_stopped_again_and_the_running_one_answers(world):
    world.green.faults["GET /models/yolo"] = lambda fake: error(404, "Model not found: yolo")
    with pytest.raises(OpsError, match=r"(?s)green was not READY within.*blue answers as before"):
        switch.up(world.pair, MADE)
    assert (world.did, world.sides, world.trail()) == (
        ["start green", "stop green"],
        sides.Sides(),
        [("bluegreen up", "failed")],
    )


def test_a_side_that_ends_at_once_is_not_waited_for(world):
    world.did.append("fails")
    world.green.faults["GET /models/yolo"] = lambda fake: error(404, "no")
    with pytest.raises(OpsError, match="ends as soon as it is started"):
        switch.up(world.pair, MADE)


def test_a_worker_that_dies_again_and_again_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(standby, "START_S", 30)
    pids = iter(range(500, 600))

    def dies(fake):
        fake.workers["1.0"] = [("UNLOADING", next(pids))]

    world.green.faults["GET /models/yolo"] = dies
    with pytest.raises(OpsError, match=r"(?s)a worker of green died while it loaded.*blue answers as before"):
        switch.up(world.pair, MADE)
    assert world.did == ["start green", "stop green"]


def test_other_answers_stop_it_unless_they_are_meant(world):
    world.green.found["1.0"] = 0
    with pytest.raises(DriftError, match=r"(?s)nothing found.*--accept-drift.*blue answers as before"):
        switch.up(world.pair, MADE)
    assert world.did == ["start green", "stop green"]
    switch.up(world.pair, MADE, accept_drift=True)
    switch.switch(world.pair)  # accepted when it came up
    assert world.server == "green"


def test_a_side_that_went_bad_since_is_not_switched_to(world):
    switch.up(world.pair, MADE)
    world.green.faults["POST /predictions"] = lambda fake: error(503, "prediction failed")
    with pytest.raises(OpsError, match=r"(?s)503: prediction failed.*blue answers as before"):
        switch.switch(world.pair)
    assert (world.server, world.sides.has_both) == (None, True)
    world.green.faults.clear()
    world.blue.faults["POST /predictions"] = lambda fake: error(503, "prediction failed")
    switch.switch(world.pair)  # a running one that fails is no reason to keep it


def test_a_new_current_archive_since_it_came_up_is_noticed(world):
    switch.up(world.pair, MADE)
    make_current(world.blue.store, "1.1")
    with pytest.raises(OpsError, match=r"green holds version 1.0, and yolo.mar is 1.1 by now"):
        switch.switch(world.pair)
    assert world.server is None


def test_the_way_back_is_open_while_the_side_in_force_is_dead(world):
    switch.up(world.pair, MADE)
    switch.switch(world.pair)
    world.green.down = True
    with pytest.raises(NotServingError, match=r"bluegreen\.sh back"):
        switch.down(world.pair)
    switch.back(world.pair)
    assert world.server is None
    switch.down(world.pair)
    assert world.sides == sides.Sides()


def test_without_another_side_there_is_nothing_to_switch_to(world, capsys):
    for does in (switch.switch, switch.back):
        with pytest.raises(NotNowError, match=r"bluegreen\.sh up"):
            does(world.pair)
    switch.down(world.pair)
    assert "green is not there" in capsys.readouterr().out
    switch.up(world.pair, MADE)
    with pytest.raises(NotNowError, match="no way back"):
        switch.back(world.pair)


def test_while_both_are_there_nothing_is_released_to_one_of_them(world, tmp_path):
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"x")
    host = world.blue.host()
    switch.up(world.pair, MADE)
    for does in (
        lambda: redeploy.redeploy(host, weights),
        lambda: redeploy.redeploy(host, weights, dry_run=True),
        lambda: rollback.rollback(host, "1.1"),
        lambda: rollback.rollback(host, "1.1", dry_run=True),
        lambda: canary.start(host, "1.1", 10),
        lambda: experiment.start(host, "night", {"1.1": 10}),
        lambda: shadow.start(host, "1.1", 10),
    ):
        with pytest.raises(NotNowError, match=r"bluegreen\.sh down"):
            does()
    switch.switch(world.pair)
    switch.down(world.pair)
    rollback.rollback(world.pair.serving, "1.1")
    assert (world.green.default, world.blue.default, world.server) == ("1.1", "1.0", "green")
    switch.up(world.pair, Made())
    assert world.blue.default == "1.1", "what comes up has the current archive"


@pytest.mark.parametrize("part", ["canary", "experiment", "shadow"])
def test_while_requests_are_split_no_other_server_comes(world, part):
    match part:
        case "canary":
            canary.start(world.blue.host(), "1.1", 10)
        case "experiment":
            experiment.start(world.blue.host(), "night", {"1.1": 10})
        case _:
            shadow.start(world.blue.host(), "1.1", 10)
    with pytest.raises(NotNowError):
        switch.up(world.pair, MADE)
    assert world.did == []


def test_what_a_killed_start_left_is_stopped_by_the_next_operation(world, monkeypatch):
    intent.write(world.blue.store, intent.Intent("bluegreen up", GREEN, BLUE, kind="server"))
    assert not world.sides.has_both
    recover(world.blue.host())
    assert intent.read(world.blue.store) is None
    assert world.trail() == [("bluegreen up", "mended")]


def test_what_an_earlier_release_was_killed_at_is_stopped_by_the_next_operation(world):
    """It wrote the side that it was starting or stopping into bluegreen.json itself."""
    record(world.blue.store, green=MADE, pending=GREEN)
    assert not world.sides.has_both
    recover(world.blue.host())
    assert world.sides == sides.Sides()
    assert "pending" not in (world.blue.store / sides.NAME).read_text()
    assert world.trail() == [("bluegreen", "mended")]


def test_a_server_that_was_listed_before_its_start_was_killed_stands_by(world):
    sides.write(world.blue.store, sides.Sides(green=MADE))
    intent.write(world.blue.store, intent.Intent("bluegreen up", GREEN, BLUE, kind="server"))
    recover(world.blue.host())
    assert world.sides.has_both
    assert audit.entries(world.blue.store)[-1]["detail"].endswith("had been decided: completed")


def test_the_server_in_force_is_what_operations_act_on(world, monkeypatch):
    for name in ("MANAGEMENT", "INFERENCE"):
        monkeypatch.setenv(f"OPS_{name}_URL", f"http://torchserve/{name}")
        monkeypatch.setenv(f"OPS_GREEN_{name}_URL", f"http://torchserve-green/{name}")
    store = world.blue.store
    assert (here(store).server.management, here(store).program) == ("http://torchserve/MANAGEMENT", "torchserve")
    routing.write(store, routing.Routing(server="green"))
    assert here(store).server.management == "http://torchserve-green/MANAGEMENT"
    assert here(store).program == "torchserve-green"
    routing.write(store, routing.Routing(server="red"))
    with pytest.raises(OpsError, match="'red', which is unknown here"):
        here(store)
    monkeypatch.delenv("OPS_GREEN_INFERENCE_URL")
    with pytest.raises(OpsError, match="OPS_GREEN_MANAGEMENT_URL"):
        at(GREEN, store)


def test_natively_green_has_ports_of_its_own(world, monkeypatch):
    for name in ("OPS_MANAGEMENT_URL", "OPS_INFERENCE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GREEN_MANAGEMENT_PORT", "9186")
    host = at(GREEN, world.blue.store)
    assert (host.server.management, host.compose) == ("http://127.0.0.1:9186", False)


def test_the_side_that_answers_is_there_whatever_the_record_says(world):
    store = world.blue.store
    record(store, blue=False, pending=BLUE)
    assert sides.read(store) == sides.Sides()
    routing.write(store, routing.Routing(server="green"))
    (store / sides.NAME).write_text("{cut")
    assert sides.read(store).has(GREEN)
    assert sides.describe(store) == "green answers (the checkout), blue stands by"


@pytest.mark.parametrize(
    ("recorded", "answers"),
    [
        ({}, None),
        ({"green": MADE}, None),
        ({"green": MADE, "pending": GREEN}, None),
        ({"green": MADE, "back": BLUE}, GREEN),
        ({"green": MADE, "blue": False}, GREEN),
        ({"green": MADE, "pending": BLUE}, GREEN),
    ],
)
def test_a_damaged_routing_moves_nobody_from_the_server_that_answers(world, recorded, answers):
    store = world.blue.store
    record(store, **recorded)
    routing.path(store).parent.mkdir()
    routing.path(store).write_text("{cut")
    assert sides.answering_side(store) == (answers or BLUE)
    recover(world.pair.serving)
    assert world.server == answers
    assert world.did == []


def test_a_routing_that_cannot_be_read_is_an_error_and_stays_as_it_is(world):
    store = world.blue.store
    routing.path(store).mkdir(parents=True)  # what only root could make unreadable in another way
    for ask in (routing.read, routing.read_or_empty, sides.answering_side, sides.read):
        with pytest.raises(OpsError, match=r"routing\.json cannot be read"):
            ask(store)
    with pytest.raises(OpsError, match="cannot be read"):
        recover(world.blue.host())
    assert routing.path(store).is_dir()


@pytest.fixture
def run(world, monkeypatch):
    pair = world.pair
    monkeypatch.setattr(pairs, "here", lambda: pair)
    return lambda *words: main(["bluegreen", *words])


def test_the_command_line(world, run, capsys):
    run("up", "--image", "next", "--dry-run")
    assert (world.did, "start        green next to blue, from next" in capsys.readouterr().out) == ([], True)
    run("deploy", "--image", "next", "--note", "n", "--handler", "archive")
    assert (world.server, world.sides.green) == ("green", Made(image="next", note="n", handler="archive"))
    capsys.readouterr()
    run("idle")
    assert capsys.readouterr().out == "blue\n"
    run("status")
    said = capsys.readouterr().out
    assert "green answers (next), blue stands by" in said
    assert "the way back: bash scripts/bluegreen.sh back" in said
    for what in ("switch", "back", "down"):
        run(what, "--dry-run")
    assert world.server == "green"
    run("back")
    run("down")
    capsys.readouterr()
    run("status", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert (shown["answers"], shown["green"], shown["servers"]["green"]) == (
        "blue",
        None,
        {"there": False, "state": "not there"},
    )
    run("down", "--dry-run")
    assert "Nothing changed" in capsys.readouterr().out


def test_words_that_do_not_fit_are_refused(world, run):
    with pytest.raises(UsageError, match="native operation"):
        run("up", "--serving", "somewhere")
    native = replace(world.pair, blue=replace(world.pair.blue, compose=False))
    arguments = parser().parse_args(["bluegreen", "up", "--image", "next"])
    with pytest.raises(UsageError, match="are for Compose"):
        bluegreen.made_from(native, arguments)
    made = bluegreen.made_from(native, parser().parse_args(["bluegreen", "up", "--venv", "/v"]))
    assert made.python == "/v/bin/python"


def test_a_server_nobody_recorded_is_told(world, run, capsys):
    world.green.down = False
    run("status")
    assert "no operation has started it" in capsys.readouterr().out
    world.green.faults["GET /models"] = lambda fake: httpx.Response(500, json={"message": "x"})
    run("status")
    assert "TorchServe answered 500" in capsys.readouterr().out


def test_the_scripts_are_told_what_green_is_made_of(world, run, capsys):
    switch.up(world.pair, Made(image="next", handler="archive"))
    capsys.readouterr()
    run("green")
    assert capsys.readouterr().out == "image=next\nhandler=archive\n"
