"""Several TorchServes with one model store: an operation changes all of them, or none."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import httpx
import pytest

from ops.errors import NotRunningError, OpsError
from ops.releases import history, redeploy, rollback
from ops.rollout import recovery
from ops.rollout.candidate import Packaging
from ops.store import audit, intent, inventory, routing
from ops.torchserve import every
from ops.torchserve.client import RefusedError, Server, UnreachableError
from ops.torchserve.drain import drain_each
from ops.torchserve.every import EveryServer, connect
from ops.torchserve.host import Host
from ops.traffic import canary
from tests.unit.ops.fake_server import FakeServer, error, make_current, write_archive


@dataclass
class Fleet:
    """The servers that the name stands for now."""

    servers: list[FakeServer]

    @property
    def store(self):
        return self.servers[0].store

    def find(self) -> list[Server]:
        return [
            Server(f"http://10.0.0.{number}:8086", f"http://10.0.0.{number}:8085", httpx.MockTransport(server))
            for number, server in enumerate(self.servers, 1)
        ]

    def host(self) -> Host:
        return Host(EveryServer("http://torchserve:8086", "http://torchserve:8085", self.find), self.store, True)

    def defaults(self) -> list[str]:
        return [server.default for server in self.servers]

    def loaded(self) -> list[set[str]]:
        return [set(server.workers) for server in self.servers]


@pytest.fixture
def fleet(served) -> Fleet:
    return Fleet([served, FakeServer(served.store), FakeServer(served.store)])


def go(fleet: Fleet) -> None:
    redeploy.redeploy(fleet.host(), fleet.store / "best.pt", Packaging(packaged="1.1"))


def start_canary(fleet: Fleet) -> None:
    canary.start(fleet.host(), str(fleet.store / "best.pt"), 10, Packaging(packaged="1.1"), salt="s")


def assert_all_serve(fleet: Fleet, version: str, *others: str) -> None:
    assert inventory.look(fleet.store)[0].current == version
    assert fleet.defaults() == [version] * len(fleet.servers)
    assert fleet.loaded() == [{version, *others}] * len(fleet.servers)
    assert intent.read(fleet.store) is None


def test_a_release_and_the_way_back_reach_each(fleet):
    go(fleet)
    assert_all_serve(fleet, "1.1")
    rollback.rollback(fleet.host())
    assert_all_serve(fleet, "1.0")


@pytest.mark.parametrize(
    "call",
    [
        "POST /models",
        "PUT /models/yolo/1.1",
        "POST /predictions/yolo/1.1",
        "PUT /models/yolo/1.1/set-default",
    ],
)
def test_if_one_refuses_none_is_changed(fleet, call):
    fleet.servers[1].faults[call] = lambda fake: error(418, "not this one")
    with pytest.raises(
        OpsError, match=r"of 3 TorchServes, the one at http://10\.0\.0\.2:8086: .*not this one"
    ) as raised:
        go(fleet)
    assert "Version 1.0 answers as before" in str(raised.value)
    assert_all_serve(fleet, "1.0")
    assert not (fleet.store / "yolo-1.1.mar").exists()


def test_while_one_does_not_answer_nothing_is_begun(fleet):
    fleet.servers[2].down = True
    with pytest.raises(NotRunningError, match=r"the one at http://10\.0\.0\.3:8086"):
        go(fleet)
    fleet.servers[2].down = False
    assert_all_serve(fleet, "1.0")
    assert not any(server.calls for server in fleet.servers)


def test_one_that_is_lost_before_the_decision_leaves_nothing_on_the_others(fleet):
    def die(fake):
        fake.down = True

    fleet.servers[1].faults["POST /predictions/yolo/1.1"] = die
    with pytest.raises(OpsError, match=r"Version 1\.0 answers as before"):
        go(fleet)
    fleet.servers[1].faults.clear()
    fleet.servers[1].down = False
    fleet.servers[1].restarts()
    assert_all_serve(fleet, "1.0")


def test_one_that_is_scaled_away_meanwhile_takes_no_part_any_more(fleet):
    leaving = fleet.servers[2]

    def leave(fake):
        fake.faults.clear()
        fake.down = True
        fleet.servers.remove(fake)

    leaving.faults["PUT /models/yolo/1.1/set-default"] = leave
    go(fleet)
    assert_all_serve(fleet, "1.1")
    assert len(fleet.servers) == 2


@pytest.mark.parametrize("moment", ["PUT /models/yolo/1.1", "PUT /models/yolo/1.1/set-default"])
def test_one_that_starts_meanwhile_with_the_old_version_gets_the_new_one(fleet, moment):
    def add(fake):
        fake.faults.clear()
        fleet.servers.append(FakeServer(fleet.store))

    fleet.servers[2].faults[moment] = add
    go(fleet)
    assert_all_serve(fleet, "1.1")
    assert len(fleet.servers) == 4


def test_one_that_missed_a_release_is_seen_and_brought_to_it_by_the_next_operation(fleet, capsys):
    missing = fleet.servers.pop()
    go(fleet)
    fleet.servers.append(missing)  # paused meanwhile, and not restarted
    assert fleet.defaults() == ["1.1", "1.1", "1.0"]
    history.print_releases(fleet.host())
    assert "http://10.0.0.3:8086 serves 1.0. To bring all to the current version:" in capsys.readouterr().out
    recovery.recover(fleet.host())
    assert_all_serve(fleet, "1.1")
    assert audit.entries(fleet.store)[-1]["detail"] == "http://10.0.0.3:8086 missed it"


def test_a_release_that_was_killed_between_two_of_them_is_completed_on_each(fleet):
    intent.write(fleet.store, intent.Intent("redeploy", "1.1", "1.0", True))
    make_current(fleet.store, "1.1")
    for server in fleet.servers:
        server.workers["1.1"] = [("READY", 200)]
    fleet.servers[0].default = "1.1"
    recovery.recover(fleet.host())
    assert_all_serve(fleet, "1.1")


def test_a_release_that_was_killed_before_the_decision_is_undone_on_each(fleet):
    intent.write(fleet.store, intent.Intent("redeploy", "1.1", "1.0", True))
    fleet.servers[0].workers["1.1"] = [("READY", 200)]
    fleet.servers[1].down = True  # has nothing to undo: it comes back with what is on disk
    recovery.recover(fleet.host())
    fleet.servers[1].down = False
    assert_all_serve(fleet, "1.0")


def test_a_canary_is_loaded_on_each_and_leaves_each(fleet):
    start_canary(fleet)
    assert fleet.loaded() == [{"1.0", "1.1"}] * 3
    canary.abort(fleet.host())
    assert_all_serve(fleet, "1.0")
    write_archive(fleet.store, "1.1", b"new")
    start_canary(fleet)
    canary.promote(fleet.host())
    assert_all_serve(fleet, "1.1")


def test_if_one_cannot_load_a_canary_no_gateway_hears_of_it(fleet):
    fleet.servers[2].faults["POST /models"] = lambda fake: error(500, "cannot be unpacked")
    with pytest.raises(OpsError, match="cannot be unpacked"):
        start_canary(fleet)
    assert routing.read(fleet.store).canary is None
    assert_all_serve(fleet, "1.0")


def test_one_that_comes_back_without_the_canary_gets_it_and_the_others_keep_theirs(fleet):
    start_canary(fleet)
    fleet.servers[1].restarts()
    for server in fleet.servers:
        server.calls.clear()
    canary.set_percent(fleet.host(), 20)
    assert fleet.loaded() == [{"1.0", "1.1"}] * 3
    assert (fleet.servers[0].calls, fleet.servers[2].calls) == ([], [])


def test_all_of_them_are_drained_at_the_same_time(fleet):
    together = threading.Barrier(len(fleet.servers))

    def wait(fake):
        fake.faults.clear()
        together.wait(20)  # raises where the next is drained after this one

    for server in fleet.servers:
        server.faults["POST /predictions/yolo/1.0"] = wait
    assert drain_each(fleet.host().server, "1.0", b"picture") == "every request was answered"
    assert not any(server.faults for server in fleet.servers)


def test_a_version_is_ready_when_it_is_so_on_each(fleet):
    server = fleet.host().server
    fleet.servers[0].workers["1.1"] = [("READY", 7)]
    assert not server.has("1.1")
    (both, one) = server.versions()
    assert (both.version, both.ready, both.min_workers, len(both.workers)) == ("1.0", True, 1, 3)
    assert (one.version, one.ready, one.answers) == ("1.1", False, False)
    with pytest.raises(RefusedError, match="404"):
        server.version("1.2")
    assert not server.unregister("1.2")
    fleet.servers[0].default = "1.1"
    assert not server.serves("1.0")


def test_an_address_is_one_server_and_a_name_is_all_that_it_has(monkeypatch):
    for host in ("127.0.0.1", "localhost"):
        server = connect(f"http://{host}:8086", f"http://{host}:8085", "yolo")
        assert type(server) is Server
    found = [(2, 1, 6, "", ("10.0.0.3", 0)), (2, 1, 6, "", ("10.0.0.2", 0)), (10, 1, 6, "", ("fd00::2", 0, 0, 0))]
    monkeypatch.setattr(every.socket, "getaddrinfo", lambda *_, **__: found)
    behind = connect("http://torchserve:8086", "http://torchserve:8085", "helmets").each()
    assert [(one.management, one.inference, one.model) for one in behind] == [
        ("http://10.0.0.2:8086", "http://10.0.0.2:8085", "helmets"),
        ("http://10.0.0.3:8086", "http://10.0.0.3:8085", "helmets"),
    ]
    listed = connect("http://10.0.0.2:1,http://10.0.0.3:1", "http://10.0.0.2:2,http://10.0.0.3:2", "yolo").each()
    assert [one.inference for one in listed] == ["http://10.0.0.2:2", "http://10.0.0.3:2"]
    with pytest.raises(OpsError, match="different numbers"):
        connect("http://a:1,http://b:1", "http://a:2", "yolo")


def test_a_name_without_an_address_is_a_server_that_does_not_answer(monkeypatch):
    def fail(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr(every.socket, "getaddrinfo", fail)
    with pytest.raises(UnreachableError, match="torchserve: Name or service not known"):
        connect("http://torchserve:8086", "http://torchserve:8085", "yolo").default()
