"""The rounds with a fake launcher and a fake meter: no process is started."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import rounds
from benchmarks.contestants.roster import BY_NAME
from benchmarks.plan import Plan, Shape
from benchmarks.report.measurements import Measurements
from benchmarks.rounds import Rounds
from benchmarks.servers import server as servers
from ops.errors import OpsError

BOX = {"xyxy": [0.0, 0.0, 10.0, 10.0], "conf": 0.9, "cls": 0}
OTHER = {**BOX, "cls": 1}


class FakeMeter:
    images = ("a.jpg", "b.jpg")

    def __init__(self, under_load=BOX):
        self.under_load = under_load

    def phase(self, **more):
        return {"latencies_ms": [1.0] * 10, "window_s": 1.0, "errors": {}, "answered": 10, **more}

    def ceiling(self, unpacked, warm_s, seconds, *, parallel=False):
        return self.phase(boxes=[[BOX], [BOX]])

    def closed(self, target, trees, clients, warm_s, seconds):
        return self.phase(answers={"0": json.dumps([self.under_load])})

    def open(self, target, trees, rate, seconds):
        return self.phase(answers={}, offered_per_s=rate)


class FakeLauncher:
    own_shape = None
    artifacts = SimpleNamespace(unpacked=None)

    def __init__(self, broken=()):
        self.broken = broken
        self.started = []

    def start(self, server, shape):
        self.started.append(server.name)
        if server.name in self.broken:
            raise OpsError("no room")
        server.ports = {"http": 1}
        server.trees = {"server": SimpleNamespace(memory_mb=lambda: rounds.Counter(rss=7.0), stop=lambda: None)}


@pytest.fixture
def race(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "LOGS", tmp_path)
    monkeypatch.setattr(rounds, "await_first_answer", lambda *_: None)

    def run(launcher=None, meter=None, boxes=BOX, count=2):
        monkeypatch.setattr(rounds, "read_boxes", lambda *_: [boxes])
        names = ("fastapi_yolo", "litserve_yolo")
        measured = Measurements(Plan(count, 1.0, 0.1, (1, 4), (80,)), [0], [BY_NAME[name] for name in names])
        shapes = dict.fromkeys(names, Shape(2, 1))
        launcher = launcher or FakeLauncher()
        Rounds(measured, [[BOX], [BOX]], shapes, launcher, meter or FakeMeter(), lambda text: None).run()
        return measured, launcher

    return run


def test_each_round_reverses_the_order_of_the_last_one(race):
    _, launcher = race()
    assert launcher.started == ["fastapi_yolo", "litserve_yolo", "litserve_yolo", "fastapi_yolo"]


def test_every_phase_of_every_round_is_recorded(race):
    measured, _ = race()
    record = measured.records["litserve_yolo"]
    assert {clients: len(phases) for clients, phases in record.closed.items()} == {1: 2, 4: 2}
    assert [phase["offered_per_s"] for phase in record.open[80]] == [8.0, 8.0]
    assert (record.memory_mb, record.shape, record.parity.exact) == ([{"rss": 7.0}] * 2, "2×1", True)
    assert len(measured.ceiling) == len(measured.ceiling_parallel) == 2


def test_a_server_that_does_not_start_is_left_out_of_later_rounds(race):
    measured, launcher = race(FakeLauncher(broken=("fastapi_yolo",)))
    assert measured.records["fastapi_yolo"].refused == "no room"
    assert launcher.started == ["fastapi_yolo", "litserve_yolo", "litserve_yolo"]


def test_a_contestant_that_finds_other_boxes_is_not_timed(race):
    measured, _ = race(boxes=OTHER)
    assert measured.records["fastapi_yolo"].refused.startswith("not timed, as it finds other boxes: 0 of 2")
    assert not measured.records["fastapi_yolo"].closed


def test_answers_that_change_under_load_are_counted(race):
    measured, _ = race(meter=FakeMeter(under_load=OTHER), count=1)
    assert measured.records["litserve_yolo"].wrong_under_load == 2
