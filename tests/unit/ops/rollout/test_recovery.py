"""What an earlier release of this program left on disk when it was killed is understood."""

import json

import pytest

from ops.store import audit, intent, inventory, releases, routing
from tests.unit.ops.conftest import assert_consistent

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
    assert audit.read(served.store)[-1]["detail"] == "the canary abort of 1.1 had been decided: completed"


def test_a_canary_that_was_promoted_gets_its_share_back(served, recover):
    before = routing.write(served.store, routing.Routing(stable="1.0", canary=CANARY))
    routing.write(served.store, routing.Routing(stable="1.0", canary=routing.Canary("1.1", 100, "s")))
    leave(served, action="promote", kind="switch", fresh=False, routing=routing.document(before))
    recover(served)
    assert routing.read(served.store).canary == CANARY
    assert_consistent(served)


def test_a_file_that_is_not_an_intent_is_removed(served, recover):
    (served.store / intent.NAME).write_text("[]")
    recover(served)
    assert_consistent(served)
