import sys

import pytest

from benchmarks.servers import server as servers
from benchmarks.servers.server import Server
from tests.support import wait_until


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "WORK", tmp_path)
    monkeypatch.setattr(servers, "LOGS", tmp_path / "logs")
    return tmp_path


def start(server, part, code):
    server.start(part, [sys.executable, "-c", code], servers.WORK)


def test_all_parts_are_stopped_at_the_end_also_after_an_error(work):
    def fail():
        with Server("stack") as server:
            for part in ("torchserve", "gateway"):
                start(server, part, "import time; time.sleep(600)")
            trees.extend(server.trees.values())
            raise KeyboardInterrupt

    trees = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [tree.exit_code() is None for tree in trees] == [False, False]
    assert not list(work.glob("*.pid"))


def test_a_part_that_has_exited_is_reported_with_the_end_of_its_log():
    with Server("stack") as server:
        start(server, "gateway", "import time; time.sleep(600)")
        start(server, "torchserve", "print('no model'); raise SystemExit(3)")
        wait_until(lambda: server.exit_code() == 3, "the server exits")
        assert "  stack-torchserve.log:\n" in server.tail()
        assert "    no model" in server.tail()


def test_the_logs_of_an_earlier_server_of_the_same_name_are_removed(work):
    logs = work / "logs"
    logs.mkdir()
    (logs / "stack-gateway.log").write_text("old")
    (logs / "stack_int8-gateway.log").write_text("another server's")
    with Server("stack") as server:
        assert server.tail() == ""
    assert (logs / "stack_int8-gateway.log").exists()
