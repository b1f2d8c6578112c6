"""routing.json: what is read, what is refused, and that the last good routing stays in force."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.routing.choice import NO_ROUTING, Arm, Routing, ShadowShare
from gateway.routing.document import InvalidRoutingError, parse
from gateway.routing.file import INTERVAL_S, LARGEST_BYTES, RoutingFile
from tests.gateway.support.routing_files import RoutingJson

CANARY = {"version": "1.1", "percent": 10, "salt": "a1b2c3d4"}
EXPERIMENT = {"name": "night-model", "shares": {"1.0": 50, "1.2": 30}, "salt": "b"}


def document(**keys: Any) -> bytes:
    return json.dumps(
        {"schema": 1, "revision": 17, "updated": "2026-11-23T15:00:00Z", "stable": "1.0", **keys}
    ).encode()


def test_every_key_of_the_contract_is_read() -> None:
    shadow = {"version": "1.2", "percent": 20}
    found = parse(document(canary=CANARY, experiment=None, shadow=shadow, server="blue"), ["blue"])
    assert found == Routing(
        revision=17,
        updated="2026-11-23T15:00:00Z",
        stable="1.0",
        arms=(Arm("1.1", "canary", 1000),),
        salt="a1b2c3d4",
        shadow=ShadowShare("1.2", 0.2),
        server="blue",
    )


def test_an_experiments_shares_become_neighbouring_arms() -> None:
    found = parse(document(experiment=EXPERIMENT))
    assert found.arms == (Arm("1.0", "experiment", 5000), Arm("1.2", "experiment", 8000))
    assert (found.experiment, found.salt) == ("night-model", "b")


def test_shares_that_make_a_whole_leave_no_gap() -> None:
    shares = {"1.0": 33.34, "1.1": 33.33, "1.2": 33.33}
    assert parse(document(experiment={**EXPERIMENT, "shares": shares})).arms[-1].upto == 10_000


def test_a_file_with_nothing_but_its_revision_splits_nothing() -> None:
    assert parse(b'{"schema": 1, "revision": 0}') == NO_ROUTING


def test_keys_of_a_later_ops_are_no_mistake() -> None:
    assert parse(document(canary={**CANARY, "note": "x"}, by="ana")).arms == (Arm("1.1", "canary", 1000),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file"),
        (b"{", "the file"),
        (b"[]", "the file"),
        (b"\xff", "the file"),
        (document(schema=2), "schema"),
        (document(revision=-1), "revision"),
        (document(revision="17"), "revision"),
        (document(stable="../../etc"), "stable"),
        (document(stable="1..0"), "stable"),
        (document(canary={**CANARY, "version": "a/b"}), "canary.version"),
        (document(canary={**CANARY, "percent": 101}), "canary.percent"),
        (document(canary={**CANARY, "percent": -1}), "canary.percent"),
        (document(canary={**CANARY, "percent": "10"}), "canary.percent"),
        (document(canary={**CANARY, "percent": float("nan")}), "canary.percent"),
        (document(canary={"version": "1.1", "percent": 10}), "canary.salt"),
        (document(canary=CANARY, experiment=EXPERIMENT), "at the same time"),
        (document(experiment={**EXPERIMENT, "shares": {"1.0": 60, "1.2": 50}}), "more than 100"),
        (document(experiment={**EXPERIMENT, "shares": {}}), "experiment.shares"),
        (document(shadow={"version": "1.2"}), "shadow.percent"),
        (document(server="green"), "'green' is not in TORCHSERVE_SERVERS (known: blue)"),
    ],
)
def test_what_is_no_routing_is_refused_with_the_place(content: bytes, says: str) -> None:
    with pytest.raises(InvalidRoutingError) as caught:
        parse(content, ["blue"])
    assert says in str(caught.value)


class Watched:
    """A RoutingFile with a clock of its own, and what it told."""

    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self.errors = 0
        self.changes: list[int] = []
        self.file = RoutingFile(str(path), on_error=self._error, clock=lambda: self.now)
        self.file.subscribe(lambda routing: self.changes.append(routing.revision))

    def _error(self) -> None:
        self.errors += 1

    def look(self) -> Routing:
        self.now += INTERVAL_S
        return self.file.current()


@pytest.fixture
def json_file(tmp_path: Path) -> RoutingJson:
    return RoutingJson(tmp_path)


def test_a_file_that_is_missing_splits_nothing_and_is_no_error(json_file: RoutingJson) -> None:
    watched = Watched(json_file.path)
    assert watched.look() == NO_ROUTING
    json_file.canary(10)
    assert watched.look().arms == (Arm("1.1", "canary", 1000),)
    json_file.path.unlink()
    assert watched.look() == NO_ROUTING
    assert (watched.errors, watched.changes) == (0, [1, 0])


def test_a_change_is_seen_at_the_next_look_and_not_before(json_file: RoutingJson) -> None:
    watched = Watched(json_file.path)
    json_file.canary(10)
    watched.look()
    json_file.canary(20)
    watched.now += INTERVAL_S / 2
    assert watched.file.current().revision == 1
    assert watched.look().revision == 2
    watched.look()
    assert watched.changes == [1, 2]


@pytest.mark.parametrize("broken", [b"", b'{"schema": 1, "revi', b" " * (LARGEST_BYTES + 1)])
def test_a_broken_file_leaves_the_last_good_routing_in_force(
    json_file: RoutingJson, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(json_file.path)
    json_file.canary(10)
    good = watched.look()
    json_file.put(broken)
    for _ in range(3):
        assert watched.look() is good
    assert watched.errors == 1
    assert watched.file.problem is not None
    assert [record.levelname for record in caplog.records if record.name == "gateway.routing"] == ["WARNING"]
    json_file.canary(20)
    assert watched.look().revision == 2
    assert watched.file.problem is None


def test_the_same_content_again_changes_nothing(json_file: RoutingJson) -> None:
    watched = Watched(json_file.path)
    json_file.canary(10)
    watched.look()
    json_file.put(json_file.path.read_bytes())
    watched.look()
    assert watched.changes == [1]


def test_a_folder_in_its_place_is_a_problem_until_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    path.mkdir()
    watched = Watched(path)
    watched.look()
    watched.look()
    assert (watched.look(), watched.errors) == (NO_ROUTING, 1)
    assert watched.file.problem is not None
    path.rmdir()
    RoutingJson(tmp_path).canary(10)
    assert watched.look().revision == 1
    assert watched.file.problem is None


def test_without_a_path_the_disk_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "stat", never)
    assert RoutingFile("").current() is NO_ROUTING
