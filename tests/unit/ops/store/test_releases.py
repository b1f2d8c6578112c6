import json
import os

import pytest

from ops.errors import NoSuchVersionError, OpsError
from ops.store import audit, inventory, releases
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def store(tmp_path):
    for version in ("1.0", "1.1", "1.2"):
        write_archive(tmp_path, version, version.encode())
    make_current(tmp_path, "1.1")
    releases.save(tmp_path, inventory.look(tmp_path)[0])
    return tmp_path


def test_archives_packaged_the_plain_way_appear_with_all_that_they_say_of_themselves(store):
    state = releases.read(store)
    assert list(state.releases) == ["1.0", "1.1", "1.2"]
    record = state.releases["1.1"]
    assert (record.task, record.note, record.packaged) == ("detect", "note of 1.1", "2026-01-01T00:00:01+00:00")
    assert record.by
    assert state.current == "1.1"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 99}', '{"schema": 1, "releases": {"1.0": {}}}'])
def test_a_damaged_file_is_made_again_from_the_archives(store, damage):
    whole = releases.read(store)
    (store / releases.NAME).write_text(damage)
    state, noticed = inventory.look(store)
    assert state.releases == whole.releases
    assert state.current == "1.1"
    assert any("made again" in line for line in noticed)


def test_a_file_of_an_earlier_release_is_read_though_it_copies_the_routing(store):
    whole = releases.read(store)
    document = json.loads((store / releases.NAME).read_text())
    del document["current_stat"]
    document["roles"] |= {"previous": "1.0", "canary": "1.2", "shadow": None}
    (store / releases.NAME).write_text(json.dumps(document | {"experiment": []}))
    state, noticed = inventory.look(store)
    assert (state.releases, state.current, state.previous, noticed) == (whole.releases, "1.1", "1.0", [])


def test_an_archive_that_was_not_touched_is_not_read_again(store):
    for name in ("yolo.mar", "yolo-1.0.mar"):
        stat = (store / name).stat()
        (store / name).write_bytes(bytes(stat.st_size))
        os.utime(store / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert inventory.look(store) == (releases.read(store), [])


def test_a_file_that_is_made_again_finds_the_previous_version_in_the_trail(store):
    audit.record(store, "redeploy", "done", **{"from": "1.0", "to": "1.1"})
    (store / releases.NAME).unlink()
    assert inventory.look(store)[0].previous == "1.0"


def test_the_current_version_is_that_of_yolo_mar_also_when_it_was_copied_by_hand(store):
    make_current(store, "1.0")
    state, noticed = inventory.look(store)
    assert (state.current, state.previous) == ("1.0", "1.1")
    assert any("1.0" in line for line in noticed)
    (store / "yolo.mar").write_bytes(b"something else")
    assert inventory.look(store)[0].current is None
    (store / "yolo.mar").unlink()
    assert inventory.look(store)[0].current is None


def test_looking_writes_nothing(store):
    before = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    make_current(store, "1.0")
    inventory.look(store)
    assert {path.name for path in store.iterdir()} == set(before)
    assert (store / releases.NAME).stat().st_mtime_ns == before[releases.NAME]


def test_an_archive_that_was_touched_but_not_changed_is_still_the_same(store):
    os.utime(store / "yolo-1.0.mar", (1, 1))
    state, noticed = inventory.look(store)
    assert noticed == []
    assert inventory.require_intact(store, state, "1.0").name == "yolo-1.0.mar"


def test_a_changed_archive_is_refused_and_a_version_packaged_again_is_taken(store):
    path = store / "yolo-1.0.mar"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(NoSuchVersionError, match="not what was packaged"):
        inventory.require_intact(store, inventory.look(store)[0], "1.0")
    path.unlink()
    write_archive(store, "1.0", b"other").touch()
    state, noticed = inventory.look(store)
    if "1.0 was packaged again" in noticed:
        assert inventory.require_intact(store, state, "1.0") == path


def test_a_version_that_is_not_there_is_answered_with_those_that_are(store):
    with pytest.raises(NoSuchVersionError, match=r"1\.0, 1\.1, 1\.2"):
        inventory.require_intact(store, inventory.look(store)[0], "9.9")


def test_a_current_archive_whose_name_is_taken_by_another_is_not_overwritten(store):
    foreign = write_archive(store, "1.0", b"foreign")
    (store / "yolo.mar").write_bytes(foreign.read_bytes() + b"\0")
    state, _ = inventory.look(store)
    with pytest.raises(OpsError, match="another archive"):
        inventory.back_up_current(store, state)


def test_the_files_can_be_read_by_everybody_and_leave_no_scratch(store):
    audit.record(store, "x", "done")
    assert {(store / name).stat().st_mode & 0o777 for name in (releases.NAME, audit.NAME)} == {0o644}
    assert not list(store.glob(".*.part"))


def test_a_cut_line_of_the_trail_is_passed_over(store):
    audit.record(store, "one", "done")
    with (store / audit.NAME).open("a") as stream:
        stream.write('{"action": "tw')
    assert [entry["action"] for entry in audit.entries(store)] == ["one"]
