import json
import os
import socket

import pytest

from benchmarks import overhead, paths, startup
from benchmarks.meter import Meter
from benchmarks.servers import full_gateway as everything
from benchmarks.servers import processes
from ops.errors import OpsError
from tests.support import jpeg, wait_until

BODY = json.dumps([{"boxes": [], "timings_ms": {"total": 50.0}}])


def called(**latencies):
    return {name: {"latencies_ms": ms, "first_ms": ms, "bodies": [BODY] * len(ms)} for name, ms in latencies.items()}


@pytest.fixture
def measured():
    same = {name: [55.0, 56.0, 61.0] for name in ("form", "raw", "everything_form", "everything_raw")}
    found = called(direct=[53.0, 54.0, 60.0], cache_hit=[1.0, 1.5, 2.0], **same)
    return {**overhead.differences(found, "torchserve"), "stand_in": overhead.differences(found, "stand_in")}


def test_what_the_layers_add_is_the_difference_of_medians_and_of_pairs(measured):
    assert measured["gateway_form_ms"] == {"of_p50": 2.0, "paired_p50": 2.0}
    assert measured["torchserve_ms"] == {"of_p50": 4.0, "paired_p50": 4.0}
    assert measured["p50_ms"]["handler"] == 50.0
    assert measured["p50_ms"]["torchserve"] == 54.0
    assert measured["stand_in"]["p50_ms"]["stand_in"] == 54.0
    assert "torchserve_ms" not in measured["stand_in"]


def test_every_promise_has_a_row_and_is_kept_or_not(measured):
    assert {row[-1] for row in overhead.rows(measured)[1:]} == {"yes"}
    measured["stand_in"]["everything_raw_ms"]["of_p50"] = 2.6
    measured["p50_ms"]["cache_hit"] = 3.1
    broken = [row[0] for row in overhead.rows(measured) if row[-1] == "no"]
    assert broken == ["  (a cache hit, the whole answer)", "the same with everything on, raw body"]
    assert len({len(row) for row in overhead.rows(measured)}) == 1


def test_the_slowest_start_counts():
    assert startup.rows([9.0, 7.1, 7.0])[1][1:] == ["9.0, 7.1, 7.0", "≤ 12", "yes"]
    assert startup.rows([12.5, 7.1])[1][-1] == "no"


def test_a_detection_is_told_from_what_up_prints_before_it():
    assert startup.DETECTION.match("  bus            0.879  [   22.9,   231.3,   805.0,   756.8]")
    assert startup.DETECTION.match("  nothing found above the confidence threshold")
    for line in (
        "  packaging: done (1.0 s)",
        "street.jpg (810×1080), model yolo 1.0:",
        "  archive: version 1.0.000 [x]",
    ):
        assert not startup.DETECTION.match(line)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Logs and records of a test's own: a race may be running."""
    for module in (everything, overhead):
        monkeypatch.setattr(module, "WORK", tmp_path)
        monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    return tmp_path


@pytest.fixture
def meter(tmp_path):
    cpus = sorted(os.sched_getaffinity(0))
    return Meter([], cpus, cpus, lambda seconds: None)


def test_both_gateways_over_a_server_that_answers_at_once(work, meter, tmp_path):
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(jpeg())
    found = overhead.over_nothing(meter, picture, 10)
    assert found["calls"] == 10
    assert set(found["p50_ms"]) == {"stand_in", "form", "raw", "everything_form", "everything_raw", "cache_hit"}
    assert not list(work.glob("*.pids")), "everything is stopped again"


def test_a_gateway_on_which_not_everything_is_on_is_not_measured(work, meter, tmp_path):
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(jpeg())
    (port,) = processes.free_ports(1)
    stand_in = processes.Tree(work / "stand_in.pids")
    argv = [str(paths.OWN_PYTHON), "-m", "benchmarks.servers.null_server", str(port)]
    stand_in.spawn(argv, dict(os.environ), paths.ROOT, work / "log")
    try:
        wait_until(lambda: listens(port), "the stand-in listens", 20)
        with pytest.raises(OpsError, match="ratelimit-limit"):
            everything.Everything(port, "no key", "memory", []).check(picture)
    finally:
        stand_in.stop()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
