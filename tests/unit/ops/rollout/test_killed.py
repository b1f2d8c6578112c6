"""Every operation, killed before each thing it does: the next one finds a consistent state or makes it one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ops.rollout import recovery
from ops.store import bluegreen, intent, inventory, releases, routing
from tests.support import ROOT
from tests.support.answering import answering
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_server import FakeServer, make_current, write_archive


class World:
    """A store and a server that operations in other processes are done to."""

    def __init__(self, fake: FakeServer, url: str) -> None:
        self.fake, self.store, self._host = fake, fake.store, fake.host()
        argv = [sys.executable, "-m", "tests.unit.ops.rollout.victim", str(self.store), url]
        self._victims = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def reset(self) -> None:
        """1.0 serves, 1.1 and 1.2 are kept, nothing else was ever done."""
        for path in sorted(self.store.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for version in ("1.0", "1.1", "1.2"):
            write_archive(self.store, version, version.encode())
        make_current(self.store, "1.0")
        releases.save(self.store, inventory.look(self.store)[0])
        self.fake.default, self.fake.workers = "1.0", {"1.0": [("READY", 100)]}

    def do(self, what: str, kill_at: int = 0) -> int:
        assert self._victims.stdin
        assert self._victims.stdout
        self._victims.stdin.write(json.dumps({"do": what, "kill_at": kill_at}) + "\n")
        self._victims.stdin.flush()
        return int(self._victims.stdout.readline())

    def mend(self) -> None:
        """What every operation begins with."""
        with recovery.operation(self._host, "the next operation"):
            pass

    def close(self) -> None:
        assert self._victims.stdin
        assert self._victims.stdout
        self._victims.stdin.close()
        self._victims.wait(10)
        self._victims.stdout.close()


@pytest.fixture
def world(tmp_path, impatient) -> Iterator[World]:
    fake = FakeServer(tmp_path)
    with answering(fake) as url, contextlib.closing(World(fake, url)) as made:
        yield made


def clients_are_answered(fake: FakeServer) -> None:
    """What no moment of any operation may take away: the default version answers, and the routing can be read."""
    assert fake.workers[fake.default] == [("READY", fake.workers[fake.default][0][1])]
    routing.read(fake.store)


def split(fake: FakeServer) -> str:
    return routing.read(fake.store).summary


NOTHING = "everything to the default version"
CANARY = "canary 1.1 10 %"
NIGHT = "experiment night: 1.0 30 %, 1.1 30 %, 1.2 40 %"
# Operation, what is done before it, and the (version, split) that it may leave when it was killed and mended: before
# its decision, and after it.
CASES = [
    ("canary start", [], ("1.0", NOTHING), ("1.0", CANARY)),
    ("canary set", ["canary start"], ("1.0", CANARY), ("1.0", "canary 1.1 50 %")),
    ("canary promote", ["canary start"], ("1.0", CANARY), ("1.1", NOTHING)),
    ("canary abort", ["canary start"], ("1.0", CANARY), ("1.0", NOTHING)),
    ("experiment start", [], ("1.0", NOTHING), ("1.0", NIGHT)),
    ("experiment stop", ["experiment start"], ("1.0", NIGHT), ("1.0", NOTHING)),
    ("shadow start", [], ("1.0", NOTHING), ("1.0", "shadow 1.1 20 %")),
    ("shadow stop", ["shadow start"], ("1.0", "shadow 1.1 20 %"), ("1.0", NOTHING)),
    ("redeploy", [], ("1.0", NOTHING), ("1.1", NOTHING)),
    ("rollback", [], ("1.0", NOTHING), ("1.1", NOTHING)),
]


# The same of blue/green: (the side that answers, whether the other one stands beside).
SIDES = [
    ("bluegreen up", [], (None, False), (None, True)),
    ("bluegreen switch", ["bluegreen up"], (None, True), ("green", True)),
    ("bluegreen back", ["bluegreen up", "bluegreen switch"], ("green", True), (None, True)),
    ("bluegreen down", ["bluegreen up", "bluegreen switch"], ("green", True), ("green", False)),
    ("bluegreen down", ["bluegreen up"], (None, True), (None, False)),
]


@pytest.mark.parametrize(("what", "before", "undone", "done"), SIDES, ids=[f"{b[-1:]} {w}" for w, b, _, _ in SIDES])
def test_one_side_answers_whenever_a_switch_is_killed(world, what, before, undone, done):
    outcomes = []
    kill_at, status = 1, -9
    while status != 0:
        world.reset()
        for earlier in before:
            assert world.do(earlier) == 0
        status = world.do(what, kill_at)
        assert status in (0, -9)
        clients_are_answered(world.fake)
        world.mend()
        assert_consistent(world.fake)
        present = bluegreen.read(world.store)
        assert intent.read(world.store) is None
        outcomes.append((routing.read(world.store).server, present.has_both))
        kill_at += 1
    assert kill_at > 5
    assert set(outcomes) == {undone, done}
    assert outcomes == sorted(outcomes, key=[undone, done].index), "there is one moment of decision"


# What TorchServe comes back with after it was killed too is the same question for the others of a kind.
RESTARTED = ("canary start", "canary promote", "canary abort")


@pytest.mark.parametrize(
    ("what", "before", "undone", "done", "restarted"),
    [*((*case, False) for case in CASES), *((*case, True) for case in CASES if case[0] in RESTARTED)],
    ids=[*(case[0] for case in CASES), *(f"{name}, and TorchServe is restarted" for name in RESTARTED)],
)
def test_killed_before_each_thing_it_does(
    world: World, what: str, before: list[str], undone: tuple[str, str], done: tuple[str, str], restarted: bool
) -> None:
    outcomes: list[tuple[str, str]] = []
    kill_at = 1
    while True:
        world.reset()
        for earlier in before:
            assert world.do(earlier) == 0
        status = world.do(what, kill_at)
        clients_are_answered(world.fake)
        if restarted and status != 0:
            world.fake.restarts()
        world.mend()
        if not restarted:
            assert_consistent(world.fake)
        outcomes.append((world.fake.default, split(world.fake)))
        world.mend()
        assert (world.fake.default, split(world.fake)) == outcomes[-1], "there was nothing left to mend"
        if status == 0:
            break
        assert status == -9, f"{what}, killed at {kill_at}, ended with {status}"
        kill_at += 1
    assert kill_at > 5
    assert set(outcomes) == {undone, done}
    assert outcomes == sorted(outcomes, key=[undone, done].index), "there is one moment of decision"
    assert (world.store / "yolo-1.1.mar").exists() is (what not in ("canary abort", "shadow stop"))
