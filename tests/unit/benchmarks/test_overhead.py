import os
import socket

import pytest

from benchmarks import overhead
from benchmarks.meter import Meter
from benchmarks.servers import server as servers
from benchmarks.servers.gateway import FullGateway
from benchmarks.servers.null_server import start_null_server
from benchmarks.servers.processes import free_ports
from benchmarks.servers.server import Server
from ops.errors import OpsError
from tests.support import jpeg, wait_until


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Logs and records of the test: a race may be running."""
    monkeypatch.setattr(servers, "WORK", tmp_path)
    monkeypatch.setattr(servers, "LOGS", tmp_path / "logs")
    return tmp_path


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg())
    return path


def test_both_gateways_in_front_of_a_server_that_answers_at_once(work, image):
    cpus = sorted(os.sched_getaffinity(0))
    found = overhead.over_null_server(Meter([image], cpus, cpus, lambda seconds: None), image, 10)
    assert found["calls"] == 10
    assert set(found["p50_ms"]) == {"stand_in", "form", "raw", "everything_form", "everything_raw", "cache_hit"}
    assert found["observed"]["p50_ms"]["off"] > 0
    assert found["observed"]["of_unobserved"]["median"] > 0
    assert not list(work.glob("*.pid")), "everything is stopped"


def test_a_gateway_that_lacks_a_feature_is_not_measured(work, image):
    (port,) = free_ports(1)
    with Server("stand_in") as server:
        start_null_server(server, port)
        wait_until(lambda: listens(port), "the stand-in listens")
        full = FullGateway("stand_in")
        full.ports["gateway"] = port
        with pytest.raises(OpsError, match="ratelimit-limit"):
            full.check(image)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
