"""What an earlier release of this program left on disk when it was killed is understood."""

import json

import pytest

from ops.errors import OpsError
from ops.packaging.current import require_settled
from ops.releases import history
from ops.rollout import recovery
from ops.store import audit, intent, inventory, releases, routing
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_server import make_current

DOCUMENT = {"action": "", "to": "1.1", "before": "1.0", "fresh": True, "part": "", "beside": [], "routing": None}
CANARY = routing.Canary("1.1", 10, "s")


def leave(server, **changes):
    """Write an intent as it has always been written."""
    releases.save(server.store, inventory.look(server.store)[0])
    (server.store / ".release-intent.json").write_text(json.dumps(DOCUMENT | changes))
    server.workers["1.1"] = [("READY", 200)]


@pytest.mark.parametrize("decided", [False, True])
def test_a_canary_that_was_starting(served, recover, decided):
    leave(served, action="canary start", kind="join", part="canary", beside=["1.1"])
    if decided:
        routing.write(served.store, routing.Routing(stable="1.0", canary=CANARY))
    recover(served)
    assert (served.store / "yolo-1.1.mar").exists() is decided
    assert routing.read(served.store).versions("canary") == (["1.1"] if decided else [])
    assert_consistent(served)


def test_a_canary_that_was_ending(served, recover):
    routing.write(served.store, routing.Routing(stable="1.0", canary=CANARY))
    leave(served, action="canary abort", kind="leave", part="canary", beside=["1.1"])
    recover(served)
    assert not (served.store / "yolo-1.1.mar").exists()
    assert_consistent(served)
    assert audit.entries(served.store)[-1]["detail"] == "the canary abort of 1.1 had been decided: completed"


def test_a_canary_that_was_promoted_gets_its_share_back(served, recover):
    before = routing.write(served.store, routing.Routing(stable="1.0", canary=CANARY))
    routing.write(served.store, routing.Routing(stable="1.0", canary=routing.Canary("1.1", 100, "s")))
    leave(served, action="promote", kind="switch", fresh=False, routing=routing.document(before))
    recover(served)
    assert routing.read(served.store).canary == CANARY
    assert_consistent(served)


@pytest.mark.parametrize(
    "content",
    ["[]", "{", "{}", json.dumps(DOCUMENT | {"kind": "teleport"}), json.dumps(DOCUMENT | {"kind": "switch", "new": 1})],
)
def test_an_intent_that_newer_code_wrote_is_refused_and_stays(served, recover, content):
    path = served.store / intent.NAME
    path.write_text(content)
    before = {file: file.read_bytes() for file in served.store.iterdir()}
    with pytest.raises(OpsError, match=r"newer version of this program.*releases\.sh recover.*Nothing changed"):
        recover(served)
    assert {file: file.read_bytes() for file in served.store.iterdir()} == before
    history.print_releases(served.host())  # looking is still possible


def test_what_the_server_answers_with_is_kept_although_yolo_mar_was_replaced_by_hand(served, recover):
    leave(served, action="redeploy", kind="switch")
    served.default = "1.1"  # decided; then somebody copied an archive over yolo.mar
    make_current(served.store, "1.0")
    recover(served)
    assert (served.store / "yolo-1.1.mar").exists()
    assert served.default in served.workers


def test_nothing_is_removed_while_it_is_not_known_what_the_server_answers_with(served, recover):
    leave(served, action="redeploy", kind="switch")
    served.down = True
    recover(served)
    assert (served.store / "yolo-1.1.mar").exists()
    assert intent.read(served.store) is None


def test_packaging_finishes_a_release_that_was_cut_off_before_it_replaces_yolo_mar(served, monkeypatch):
    monkeypatch.setattr(recovery.hosts, "here", lambda store: served.host())
    leave(served, action="redeploy", kind="switch")
    served.default = "1.1"
    make_current(served.store, "1.1")  # decided
    with pytest.raises(OpsError, match=r"the redeploy of 1\.1 was cut off.*releases\.sh recover"):
        require_settled(served.store)
    recovery.settle_switch(served.store)
    assert audit.entries(served.store)[-1]["detail"] == "the redeploy of 1.1 had been decided: completed"
    assert_consistent(served)
    require_settled(served.store)


def test_an_operation_that_is_cut_off_can_be_finished_by_itself(served, capsys):
    leave(served, action="redeploy", kind="switch")
    history.finish_interrupted(served.host())
    assert_consistent(served)
    assert "had not been decided: undone" in capsys.readouterr().out
    history.finish_interrupted(served.host())
    assert "Nothing to recover" in capsys.readouterr().out
