"""What releases.sh prints and prunes."""

import pytest

from ops.releases import history, prune
from ops.store import intent, inventory, releases, routing
from tests.unit.ops.fake_server import FakeServer, make_current, write_archive


@pytest.fixture
def store(tmp_path):
    for version in ("1.0", "1.1", "1.2"):
        write_archive(tmp_path, version, version.encode())
    make_current(tmp_path, "1.1")
    releases.save(tmp_path, inventory.look(tmp_path)[0])
    return tmp_path


def test_prune_spares_what_plays_a_part_and_what_is_loaded(store):
    write_archive(store, "1.3")
    write_archive(store, "1.4")
    state, _ = inventory.look(store)
    state.previous = "1.0"
    present = routing.Routing(canary=routing.Canary("1.2", 5, "s"))
    assert prune.removable(state, present, 1, loaded=["1.3"]) == []
    assert prune.removable(state, present, 1, loaded=[]) == ["1.3"]
    assert prune.removable(state, present, 5, loaded=[]) == []


def test_pruned_weights_are_not_new_when_they_are_seen_again(store):
    host = FakeServer(store, default="1.1", workers={"1.1": [("READY", 1)]}).host()
    prune.prune(host, 1)
    assert sorted(path.name for path in store.glob("yolo-*.mar")) == ["yolo-1.1.mar", "yolo-1.2.mar"]
    (source,) = releases.read(store).sources.values()
    assert (source["version"], source["outcome"]) == ("1.0", "pruned")


def test_the_list_says_where_disk_and_server_differ_and_who_holds_the_lock(store, capsys):
    fake = FakeServer(store)
    intent.write(store, intent.Intent("redeploy", "1.2", "1.1", fresh=True))
    history.print_releases(fake.host())
    said = capsys.readouterr().out
    assert "TorchServe serves 1.0; a restart would serve 1.1" in said
    assert "cut off" in said
    fake.down = True
    history.print_releases(fake.host())
    assert "does not answer" in capsys.readouterr().out
