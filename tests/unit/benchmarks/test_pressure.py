"""One contestant under pressure: against a slow server of the test's own, and the order of steps with a fake stage."""

import os
import sys
from types import SimpleNamespace

import pytest

from benchmarks import pressure
from benchmarks.contestants.roster import BY_NAME
from benchmarks.meter import Meter
from benchmarks.plan import OverloadPlan, Shape
from benchmarks.pressure import Pressure, Stage
from benchmarks.servers import inferred
from benchmarks.servers import server as servers
from benchmarks.servers.processes import free_ports

PLAN = OverloadPlan(seconds=0.6, loads=(50, 400), patience_s=0.6, capacity_s=0.5, warm_s=0.0, drain_s=5.0)

# One picture at a time, each 50 ms; it never refuses, and infers for clients that have left.
SLOW = """
import asyncio, sys
port, counter = int(sys.argv[1]), open(sys.argv[2], "ab", buffering=0)
lock = asyncio.Lock()
async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower().split(b"\\r\\n")
            length = next(line for line in head if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            async with lock:
                await asyncio.sleep(0.05)
                counter.write(b".")
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n[]")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", port, backlog=512)).serve_forever()
asyncio.run(main())
"""


class SlowLauncher:
    def start(self, server, shape):
        (server.ports["http"],) = free_ports(1)
        file = inferred.counter_file(server.name)
        file.unlink(missing_ok=True)
        server.start("server", [sys.executable, "-c", SLOW, str(server.ports["http"]), str(file)], servers.WORK)


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "WORK", tmp_path)
    monkeypatch.setattr(servers, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(inferred, "WORK", tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"picture " * 1000)
    return tmp_path


def test_a_server_that_never_refuses_is_measured_up_to_its_collapse(work):
    cpus, said = sorted(os.sched_getaffinity(0)), []
    meter = Meter([work / "a.jpg"], cpus, cpus, lambda seconds: None)
    with Stage(BY_NAME["fastapi_yolo"], SlowLauncher(), Shape(1, 1), meter) as stage:
        found = Pressure(PLAN, stage, 1, said.append).measure()
    assert 0 < found["capacity"]["per_s"] <= 20.5
    assert found["service_ms"] >= 49
    below, above = found["loads"]["50"], found["loads"]["400"]
    assert above["requests"] > 4 * below["requests"]
    assert above["latency_ms"]["p99"] > below["latency_ms"]["p50"]
    assert above["errors"]["timeout"] > 0, "clients leave"
    assert above["for_nobody"] > 0, "and are inferred all the same"
    assert found["scenes"] == {}
    assert not list(work.glob("*.pid")), "everything is stopped"


class FakeMeter:
    images = ("a.jpg",)

    def __init__(self):
        self.asked = []

    def closed(self, target, trees, clients, warm_s, seconds):
        return {"latencies_ms": [100.0] * 10, "window_s": 1.0, "errors": {}}

    def crowd(self, target, trees, groups, seconds, patience_s, idle=0, slow=0):
        self.asked.append((groups, patience_s, idle, slow))
        return {"groups": {one.name: [[0.1, 100.0, "200"]] for one in groups}, "client_cpu_s": 0.1, "bystanders": {}}


class FakeStage:
    def __init__(self, name, settles=True):
        self.one, self.meter = BY_NAME[name], FakeMeter()
        self.server, self.target, self.trees = SimpleNamespace(), None, []
        self.settles, self.starts = settles, 0

    def start(self):
        self.starts += 1

    def busy_s(self, limit_s):
        return (0.5, True) if self.settles else (limit_s, False)


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(pressure, "count_inferred", lambda server: 7)


def measure(stage):
    return Pressure(PLAN, stage, 2, lambda text: None).measure()


def test_a_server_that_is_still_busy_after_a_load_is_started_again(counted):
    stage = FakeStage("litserve_yolo", settles=False)
    found = measure(stage)
    assert stage.starts == 1 + len(PLAN.loads)
    assert [step["settled"] for step in found["loads"].values()] == [False, False]
    stage = FakeStage("litserve_yolo")
    measure(stage)
    assert stage.starts == 1


def test_loads_are_multiples_of_the_contestant_s_own_capacity(counted):
    stage = FakeStage("litserve_yolo")
    measure(stage)
    assert [groups[0].rate for groups, *_ in stage.meter.asked] == [5.0, 40.0]


def test_this_stack_has_scenes_of_its_own(counted):
    stage = FakeStage("stack_gateway")
    found = measure(stage)
    assert set(found["scenes"]) == {"steady", "leaving", "callers", "bystanders", "closed_4", "closed_16"}
    steady, leaving, callers, bystanders = stage.meter.asked[len(PLAN.loads) :]
    assert steady[0][0].rate == bystanders[0][0].rate == 8.0
    assert (leaving[0][0].headers, leaving[1]) == ((("X-Request-Timeout", "1"),), 1.0)
    assert [(one.clients, one.source) for one in callers[0]] == [(60, "127.0.0.3"), (2, "127.0.0.2")]
    assert bystanders[2:] == (PLAN.idle, PLAN.slow)
