"""Models that nobody asks are unloaded, and those that were woken get all their workers."""

import fcntl
import json
from dataclasses import replace

import pytest

import entrypoint
from idle import AT_WORK, IdleModels, Limits, cpu_ticks
from model_settings import ModelSettings
from torchserve_api import Version

READY = Version("1.0", min_workers=1, pids=frozenset([11]), settled=True, pending=0)


class Server:
    """A TorchServe with helmets; `scaled` is what was asked of it."""

    def __init__(self):
        self.counters = {}
        self.loaded = {"helmets": [READY]}
        self.scaled = []

    def activity(self):
        return dict(self.counters)

    def versions(self, model):
        return self.loaded.get(model, [])

    def scale(self, model, version, workers):
        self.scaled.append((model, version, workers))


class Idle:
    def __init__(self, store, workers=1):
        self.server, self.store = Server(), store
        self.now, self.cpu = 0.0, 0
        wanted = {"helmets": Limits(60, workers), "absent": Limits(5, 1)}
        self.models = IdleModels(self.server, store, wanted, lambda: self.now, lambda pids: self.cpu)

    def after(self, seconds):
        """Look once more, so many seconds later; return what was scaled meanwhile."""
        self.now += seconds
        self.server.scaled.clear()
        self.models.look()
        return list(self.server.scaled)


@pytest.fixture
def idle(tmp_path):
    return Idle(tmp_path)


def test_a_model_is_unloaded_after_its_time_without_a_request_and_not_before(idle, capsys):
    assert idle.after(0) == []
    assert idle.after(59) == []
    assert idle.after(1) == [("helmets", "1.0", 0)]
    assert "torchserve: helmets is unloaded: no request for 60 s" in capsys.readouterr().out
    idle.server.loaded["helmets"] = [replace(READY, min_workers=0, pids=frozenset())]
    assert idle.after(1000) == idle.after(1000) == [], "there is nothing left to unload"


def test_all_versions_that_are_loaded_are_unloaded(idle):
    idle.server.loaded["helmets"] = [READY, replace(READY, version="0.9", min_workers=0, pids=frozenset([5]))]
    idle.after(0)
    assert idle.after(60) == [("helmets", "1.0", 0), ("helmets", "0.9", 0)]


@pytest.mark.parametrize(
    "use",
    [
        lambda idle: idle.server.counters.update(helmets=(1.0, 0.5)),
        lambda idle: idle.server.loaded.update(helmets=[replace(READY, pending=1)]),
        lambda idle: idle.server.loaded.update(helmets=[replace(READY, settled=False)]),
        lambda idle: idle.server.loaded.update(helmets=[replace(READY, pids=frozenset([12]))]),
        lambda idle: setattr(idle, "cpu", AT_WORK),
    ],
    ids=["a request", "waiting requests", "a worker that loads", "another worker", "a worker that computes"],
)
def test_use_starts_the_time_again(idle, use):
    idle.after(0)
    use(idle)
    assert idle.after(59) == []
    idle.server.loaded["helmets"] = [replace(idle.server.loaded["helmets"][0], pending=0, settled=True)]
    assert idle.after(59) == []
    assert idle.after(1) == [("helmets", "1.0", 0)]


def test_a_request_that_came_in_the_last_moment_keeps_the_model(idle, monkeypatch):
    idle.after(0)
    answers = iter([{}, {"helmets": (1.0,)}])
    monkeypatch.setattr(idle.server, "activity", lambda: next(answers))
    assert idle.after(60) == []


@pytest.mark.parametrize("part", [{"canary": {"version": "2"}}, {"shadow": {"version": "2"}}])
def test_a_model_with_split_traffic_stays_loaded(idle, part):
    (idle.store / "routing").mkdir()
    path = idle.store / "routing" / "helmets.json"
    path.write_text(json.dumps({"schema": 1, **part}))
    assert [idle.after(60), idle.after(60)] == [[], []]
    path.write_text(json.dumps({"schema": 1}))
    assert idle.after(1) == [("helmets", "1.0", 0)]


def test_a_model_that_a_release_operation_works_on_stays_as_it_is(idle):
    state = idle.store / "models.d" / "helmets"
    state.mkdir(parents=True)
    with (state / ".release-guard").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        assert [idle.after(60), idle.after(60)] == [[], []]
    assert idle.after(1) == [("helmets", "1.0", 0)]


def test_a_model_that_was_woken_gets_all_its_workers_once_the_first_one_is_ready(tmp_path):
    idle = Idle(tmp_path, workers=3)
    idle.server.loaded["helmets"] = [replace(READY, min_workers=0, pids=frozenset())]
    assert idle.after(1) == []
    idle.server.loaded["helmets"] = [replace(READY, settled=False)]
    assert idle.after(1) == []
    idle.server.loaded["helmets"] = [READY]
    assert idle.after(1) == [("helmets", "1.0", 3)]
    idle.server.loaded["helmets"] = [replace(READY, min_workers=3)]
    assert idle.after(1) == []


def test_only_models_with_the_setting_are_watched_and_never_yolo(store, tmp_path):
    import configuration

    config = configuration.read({"MODEL_STORE": str(store), "MODELS_FILE": str(tmp_path / "none.toml")})
    assert entrypoint.jobs(config) == []
    given = {"yolo": ModelSettings(idle_unload_s=5), "plates": ModelSettings(workers=2)}
    assert entrypoint.jobs(replace(config, settings=given)) == []
    assert len(entrypoint.jobs(replace(config, settings={"plates": ModelSettings(idle_unload_s=5)}))) == 1


def test_the_processor_time_of_a_process_is_read():
    import os

    before = cpu_ticks([os.getpid()])
    for number in range(3_000_000):
        number * number
    assert cpu_ticks([os.getpid()]) > before > 0
    assert cpu_ticks([2**22 + 1]) == 0
