import json
from types import SimpleNamespace

import pytest

from ops.errors import LockedError, NotNowError, OutOfBoundsError
from ops.rollout.candidate import Packaging
from ops.store import audit, releases, routing
from ops.traffic import autopilot, canary
from tests.unit.ops.conftest import assert_consistent
from tests.unit.ops.fake_gateway import FakeGateway, gateways
from tests.unit.ops.fake_server import make_current

QUICK = {"hold_s": 0.0, "requests": 100}


class Clients:
    """Each look of the autopilot at the gateway is a moment in which `traffic` happens."""

    def __init__(self, gateway, traffic=None):
        self.gateway, self.looks = gateway, 0
        self.traffic = traffic or (lambda looks: None)

    def __call__(self, request):
        self.looks += 1
        self.gateway.happen("1.0", "stable", 60)
        found = routing.read(self.gateway.store).canary
        if found:
            self.gateway.happen("1.1", "canary", 60)
        self.traffic(self.looks)
        return self.gateway(request)


@pytest.fixture
def split(served, monkeypatch):
    monkeypatch.setattr(autopilot, "POLL_S", 0.0)
    canary.start(served.host(), str(served.store / "best.pt"), 5, Packaging(packaged="1.1"), salt="s")
    return served


@pytest.fixture
def gateway(split):
    return FakeGateway(split.store)


def fly(server, clients, **options):
    autopilot.run(server.host(), gateways(clients), given=QUICK, **options)


def sets(server):
    return [entry["detail"] for entry in audit.entries(server.store) if entry["action"] == "canary set"]


def state_file(server):
    return json.loads((server.store / routing.AUTO).read_text())


def test_a_good_canary_goes_up_step_by_step_until_it_serves(split, gateway):
    fly(split, Clients(gateway))
    assert sets(split) == ["5 % to 25 %; auto", "25 % to 50 %; auto"]
    assert (releases.read(split.store).current, split.default) == ("1.1", "1.1")
    assert not (split.store / routing.AUTO).exists()
    assert_consistent(split)


def test_other_steps_and_one_that_ends_before_all(split, gateway, capsys):
    fly(split, Clients(gateway), steps=[5, 20])
    assert routing.read(split.store).canary.percent == 20
    assert "stays at 20 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ({"requests": 20, "errors": 10, "fallbacks": 10}, "requests failed"),
        ({"requests": 60, "p95_ms": 900.0}, "p95 900 ms"),
        ({"requests": 600, "found": 0}, "detections"),
    ],
)
def test_a_bad_canary_is_taken_back_saying_why(split, gateway, harm, told):
    def turns_bad(looks):
        if routing.read(split.store).canary.percent == 25:
            gateway.happen("1.1", "canary", **harm)

    with pytest.raises(OutOfBoundsError, match=rf"at 25 % .*{told}"):
        fly(split, Clients(gateway, turns_bad))
    assert routing.read(split.store).canary is None
    assert split.default == "1.0"
    assert not (split.store / "yolo-1.1.mar").exists()
    assert told in audit.entries(split.store)[-1]["detail"]
    assert_consistent(split)


def test_one_that_cannot_be_judged_is_taken_back_at_the_deadline(split, gateway):
    gateway.down = True
    with pytest.raises(OutOfBoundsError, match=r"could not be judged.*does not answer"):
        autopilot.run(split.host(), gateways(gateway), given={"hold_s": 0.0, "deadline_s": 0.0})
    assert_consistent(split)


def test_a_step_lasts_as_long_as_it_is_held(split, gateway, monkeypatch):
    moments = iter(range(0, 10_000, 7))
    clock = SimpleNamespace(time=lambda: float(next(moments)), sleep=lambda seconds: None)
    monkeypatch.setattr(autopilot, "time", clock)
    clients = Clients(gateway)
    autopilot.run(split.host(), gateways(clients), steps=[5], given={"hold_s": 35.0})
    assert clients.looks == 1 + 35 / 7


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6])
def test_killed_while_it_watches_it_goes_on_in_the_step_it_was_in(split, gateway, at):
    def killed(looks):
        if looks == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fly(split, Clients(gateway, killed), steps=[5, 30, 100])
    left = state_file(split)
    assert left["steps"] == [5, 30, 100]
    autopilot.run(split.host(), gateways(Clients(gateway)))  # steps and bounds are those it was begun with
    assert sets(split) == ["5 % to 30 %; auto"]
    assert split.default == "1.1"
    assert_consistent(split)


def test_it_does_not_begin_to_count_again_after_a_kill(split, gateway):
    def killed(looks):
        if looks == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fly(split, Clients(gateway, killed))
    before = state_file(split)
    with pytest.raises(KeyboardInterrupt):
        fly(split, Clients(gateway, lambda looks: killed(2)))
    assert state_file(split)["base"] == before["base"]
    assert state_file(split)["began"] == before["began"]


def test_what_others_do_to_the_canary_ends_it(split, gateway):
    def interfere(looks):
        if looks == 2:
            canary.set_percent(split.host(), 33)

    with pytest.raises(NotNowError, match="33 %"):
        fly(split, Clients(gateway, interfere))
    assert routing.read(split.store).canary.percent == 33

    def end(looks):
        if looks == 2:
            canary.abort(split.host())

    with pytest.raises(NotNowError, match="somebody else"):
        fly(split, Clients(gateway, end))
    assert_consistent(split)


def test_two_do_not_watch_the_same_canary(split, gateway):
    with autopilot.single_run(split.store), pytest.raises(LockedError, match="watches"):
        fly(split, Clients(gateway))


def test_a_run_whose_canary_is_over_says_how(split, gateway):
    def killed(looks):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fly(split, Clients(gateway, killed))
    routing.set_stable(split.store, "1.1")  # as far as a promotion gets before it is killed
    make_current(split.store, "1.1")
    split.restarts()
    with pytest.raises(NotNowError, match="was promoted already"):
        fly(split, Clients(gateway))
    with pytest.raises(NotNowError, match="no canary is active"):
        fly(split, Clients(gateway))


@pytest.mark.parametrize("end", [canary.promote, canary.abort])
def test_nothing_is_left_of_a_run_whose_canary_a_person_ended(split, gateway, end):
    def killed(looks):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fly(split, Clients(gateway, killed))
    end(split.host())
    assert_consistent(split)


def test_a_canary_that_a_restarted_server_came_back_without_is_loaded_again(split, gateway):
    def restart(looks):
        if looks == 2:
            split.restarts()

    fly(split, Clients(gateway, restart))
    assert "POST /models" in split.calls[3:]
    assert split.default == "1.1"
    assert_consistent(split)


def test_the_run_of_an_earlier_canary_is_not_gone_on_with(split, gateway):
    def killed(looks):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fly(split, Clients(gateway, killed), steps=[5, 100])
    canary.abort(split.host(), keep=True)
    canary.start(split.host(), "1.1", 5, salt="another")
    fly(split, Clients(gateway))
    assert len(sets(split)) == 2, "the default steps"


def test_a_gateway_that_did_not_answer_when_a_step_began_counts_from_its_first_answer(split, gateway):
    """Its errors of before, which are many, are none of the step's."""
    late = FakeGateway(split.store, down=True)
    late.happen("1.1", "canary", 5000, errors=4000)
    late.happen("1.0", "stable", 5000)

    def comes_back(looks):
        late.down = looks < 3

    clients = Clients(gateway, comes_back)
    autopilot.run(split.host(), gateways(clients, late), given={**QUICK, "requests": 400})
    assert (releases.read(split.store).current, split.default) == ("1.1", "1.1")
