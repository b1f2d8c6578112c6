import json

import pytest

from ops.errors import OpsError, UsageError
from ops.store import routing
from ops.store.routing import Canary, Experiment, Routing, Shadow

WHOLE = Routing(
    stable="1.0",
    canary=Canary("1.1", 10, "a1b2c3d4"),
    experiment=Experiment("night", {"1.0": 50, "1.2": 12.5}, "s"),
    shadow=Shadow("1.3", 20),
    server="blue",
)


def test_the_file_is_what_the_contract_with_the_gateways_says(tmp_path):
    routing.write(tmp_path, WHOLE)
    written = json.loads((tmp_path / "routing/routing.json").read_text())
    assert written.pop("updated").endswith("Z")
    assert written == {
        "schema": 1,
        "revision": 1,
        "stable": "1.0",
        "canary": {"version": "1.1", "percent": 10, "salt": "a1b2c3d4"},
        "experiment": {"name": "night", "shares": {"1.0": 50, "1.2": 12.5}, "salt": "s"},
        "shadow": {"version": "1.3", "percent": 20},
        "server": "blue",
    }
    assert (tmp_path / "routing/routing.json").stat().st_mode & 0o777 == 0o644


def test_it_comes_back_as_it_was_written_and_each_writing_is_a_revision(tmp_path):
    first = routing.write(tmp_path, WHOLE)
    assert routing.read(tmp_path) == first
    assert routing.write(tmp_path, first).revision == 2
    bare = routing.write(tmp_path, Routing(stable="1.0"))
    assert (bare.revision, routing.read(tmp_path)) == (3, bare)
    assert "server" not in json.loads(routing.path(tmp_path).read_text())


def test_without_a_file_nothing_is_split(tmp_path):
    assert routing.read(tmp_path) == Routing()
    assert Routing().summary == "everything to the default version"


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"schema": 2, "revision": 1}',
        '{"schema": 1}',
        '{"schema": 1, "revision": 1, "canary": {"version": "1.1"}}',
        '{"schema": 1, "revision": 1, "canary": {"version": "../x", "percent": 1, "salt": ""}}',
        '{"schema": 1, "revision": 1, "shadow": {"version": "1.1", "percent": 101}}',
        '{"schema": 1, "revision": 1, "experiment": {"name": "x", "shares": [1], "salt": ""}}',
    ],
)
def test_a_damaged_file_is_told_and_a_new_one_is_newer_than_any_that_gateways_saw(tmp_path, damage):
    routing.write(tmp_path, WHOLE)
    routing.path(tmp_path).write_text(damage)
    with pytest.raises(OpsError, match="damaged"):
        routing.read(tmp_path)
    assert routing.read_or_empty(tmp_path) == Routing()
    assert routing.write(tmp_path, Routing()).revision > 1_000_000


@pytest.mark.parametrize(("given", "read"), [("10", 10), (2.5, 2.5), ("0", 0), ("100", 100), ("0.01", 0.01)])
def test_a_percentage(given, read):
    assert routing.percent(given) == read
    assert isinstance(routing.percent(given), type(read))


@pytest.mark.parametrize("given", ["many", "-1", "101", "nan", "inf", "0.001", None])
def test_no_percentage(given):
    with pytest.raises(UsageError, match="percentage"):
        routing.percent(given)


def test_settling_clears_the_parts_of_the_version_that_is_stable_now(tmp_path):
    routing.write(tmp_path, WHOLE)
    assert routing.set_stable(tmp_path, "1.1")
    present = routing.read(tmp_path)
    assert (present.stable, present.canary, present.shadow) == ("1.1", None, WHOLE.shadow)
    assert routing.set_stable(tmp_path, "1.3")
    assert routing.read(tmp_path).shadow is None
    before = routing.read(tmp_path)
    routing.set_stable(tmp_path, "1.3")
    assert routing.read(tmp_path) == before, "what is settled is not written again"


def test_a_half_written_file_of_a_killed_operator_is_cleared_away(tmp_path):
    (tmp_path / "routing").mkdir()
    (tmp_path / "routing/.routing.json.77.part").write_text("{")
    routing.write(tmp_path, Routing())
    assert [path.name for path in (tmp_path / "routing").iterdir()] == ["routing.json"]
