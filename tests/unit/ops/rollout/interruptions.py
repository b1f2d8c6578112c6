"""Ctrl-C and a polite kill: before the decision everything is put back, after it everything is completed.

Run by `test_interrupted`, in a process of its own.
"""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import pytest

from ops.bluegreen import switch
from ops.bluegreen.pair import Pair
from ops.errors import OpsError
from ops.releases import redeploy
from ops.rollout import failure
from ops.rollout.candidate import Packaging
from ops.store import audit, inventory, lock, releases, routing
from ops.store.bluegreen import GREEN, Made
from ops.system import signals
from ops.traffic import canary
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_server import error

FRESH = Packaging(packaged="1.1")


@pytest.fixture(autouse=True)
def polite_kills():
    """Both interrupt, as on the command line; a shell starts what it puts in the background with SIGINT ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt(number=signal.SIGINT, answer=None):
    """Press Ctrl-C, once, while a request is answered."""

    def press(fake):
        fake.faults.clear()
        signal.raise_signal(number)
        return answer

    return press


def redeployed(server):
    redeploy.redeploy(server.host(), server.store / "best.pt", FRESH)


def started(server):
    canary.start(server.host(), str(server.store / "best.pt"), 10, FRESH)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_of_the_decision_lets_the_new_version_live_and_is_told(served, capsys, number):
    served.faults["PUT /models/yolo/1.1/set-default"] = interrupt(number)
    with pytest.raises(KeyboardInterrupt):
        redeployed(served)
    assert (inventory.look(served.store)[0].current, served.default) == ("1.1", "1.1")
    assert (served.store / "yolo-1.1.mar").is_file()
    assert_consistent(served)
    assert audit.entries(served.store)[-1]["outcome"] == "done"
    assert "1.1 is live already" in capsys.readouterr().out
    assert lock.holder(served.store) is None


def test_a_decision_that_hangs_is_taken_back_soon_after_an_interruption_and_says_so(served, monkeypatch, capfd):
    monkeypatch.setattr(signals, "PATIENCE_S", 0.2)

    def hang(fake):
        fake.faults.clear()
        signal.raise_signal(signal.SIGINT)
        time.sleep(60)

    served.faults["PUT /models/yolo/1.1/set-default"] = hang
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        redeployed(served)
    assert time.monotonic() - begun < 30
    assert (inventory.look(served.store)[0].current, served.default, list(served.workers)) == ("1.0", "1.0", ["1.0"])
    assert not (served.store / "yolo-1.1.mar").exists()
    assert_consistent(served)
    said = capfd.readouterr().err
    assert "interrupted; first make it current and the default is completed, or taken back" in said
    assert lock.holder(served.store) is None


def test_an_interruption_of_the_drain_leaves_the_old_version_to_the_next_operation(served, recover, capsys):
    served.faults["DELETE /models/yolo/1.0"] = interrupt()
    with pytest.raises(KeyboardInterrupt):
        redeployed(served)
    assert "interrupted: 1.1 is live; the next operation does the rest" in capsys.readouterr().out
    assert set(served.workers) == {"1.0", "1.1"}
    recover(served)
    assert (releases.read(served.store).previous, list(served.workers)) == ("1.0", ["1.1"])
    assert_consistent(served)


def test_a_decision_that_fails_and_is_interrupted_is_taken_back(served):
    served.faults["PUT /models/yolo/1.1/set-default"] = interrupt(answer=error(500, "no"))
    with pytest.raises(OpsError, match="no"):
        redeployed(served)
    assert (inventory.look(served.store)[0].current, list(served.workers)) == ("1.0", ["1.0"])
    assert not (served.store / "yolo-1.1.mar").exists()
    assert_consistent(served)


def test_a_canary_that_is_interrupted_while_the_gateways_are_told_is_in_force_whole(served, monkeypatch, capsys):
    write = routing.write

    def interrupted_write(store, wanted):
        written = write(store, wanted)
        signal.raise_signal(signal.SIGINT)
        return written

    monkeypatch.setattr(routing, "write", interrupted_write)
    with pytest.raises(KeyboardInterrupt):
        started(served)
    assert routing.read(served.store).summary == "canary 1.1 10 %"
    assert releases.read(served.store).releases["1.1"].made_for == "canary"
    assert_consistent(served)
    assert "canary 1.1 10 % is in force already" in capsys.readouterr().out


def test_a_switch_of_servers_that_is_interrupted_is_completed(served, monkeypatch, capsys):
    host = served.host()
    pair = Pair(host, replace(host, side=GREEN))
    switch.up(pair, Made(image="next"))
    write = routing.write

    def interrupted_write(store, wanted):
        written = write(store, wanted)
        signal.raise_signal(signal.SIGINT)
        return written

    monkeypatch.setattr(routing, "write", interrupted_write)
    with pytest.raises(KeyboardInterrupt):
        switch.switch(pair)
    assert routing.read(served.store).server == GREEN
    said = capsys.readouterr().out
    assert "green answers already" in said
    assert "drain blue: done" in said
    last = audit.entries(served.store)[-1]
    assert (last["action"], last["outcome"], last["from"], last["to"]) == ("bluegreen switch", "done", "blue", "green")
    assert lock.holder(served.store) is None


def test_after_an_interruption_nobody_waits_to_hear_who_answers(served, monkeypatch):
    monkeypatch.setattr(failure, "describe_answering", lambda host: pytest.fail("asked who answers"))

    def vanish(fake):
        fake.faults.clear()
        fake.down = True
        raise KeyboardInterrupt

    served.faults["PUT /models/yolo/1.1"] = vanish
    with pytest.raises(KeyboardInterrupt):
        redeployed(served)
