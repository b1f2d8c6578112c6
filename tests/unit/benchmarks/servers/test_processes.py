import json
import os
import sys

import psutil
import pytest

from benchmarks.servers import processes
from benchmarks.servers.processes import Tree
from tests.support import wait_until

# Starts a child that ignores SIGTERM, then waits. Before that it works for a while: the system counts CPU time in
# hundredths of a second, and a quick start may have used none.
STUBBORN = """
import signal, subprocess, sys, time
while time.process_time() < 0.1: pass
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def start(tmp_path):
    trees = []

    def run(code):
        script, log = tmp_path / "script.py", tmp_path / "logs" / "server.log"
        script.write_text(code)
        argv = [sys.executable, str(script)]
        trees.append(Tree.start(argv, dict(os.environ), tmp_path, log, tmp_path / "server.pid"))
        return trees[-1]

    yield run
    for tree in trees:
        tree.stop(0.2)


@pytest.fixture
def stubborn(start, tmp_path):
    tree = start(STUBBORN)
    log = tmp_path / "logs" / "server.log"
    wait_until(lambda: "ready" in log.read_text().splitlines(), "the server is ready")
    return tree


def test_a_tree_is_the_command_with_its_children(stubborn):
    assert len(stubborn.members()) == 2
    assert stubborn.memory_mb()["rss"] > 5
    assert stubborn.cpu_s() > 0


def test_a_stopped_tree_is_gone_and_so_is_its_record(stubborn):
    members = stubborn.members()
    stubborn.stop(0.2)
    assert not any(processes.is_running(process) for process in members)
    assert not stubborn.record.exists()


def test_the_exit_code_of_a_command_is_known(start):
    tree = start("raise SystemExit(3)")
    assert tree.process.wait() == tree.exit_code() == 3


def test_the_leftovers_of_a_killed_run_are_stopped_by_their_record(stubborn, tmp_path):
    assert processes.stop_leftovers(tmp_path) == 2
    stubborn.process.wait()
    assert not list(tmp_path.glob("*.pid"))


def test_a_process_id_that_belongs_to_another_process_by_now_is_left_alone(tmp_path):
    began = psutil.Process().create_time() - 1000
    (tmp_path / "server.pid").write_text(json.dumps([os.getpid(), began]))
    assert processes.stop_leftovers(tmp_path) == 0


@pytest.mark.parametrize("damaged", ["no json", "[]", "7", '["a", 1]'])
def test_a_damaged_record_is_ignored_and_removed(tmp_path, damaged):
    (tmp_path / "server.pid").write_text(damaged)
    assert processes.stop_leftovers(tmp_path) == 0
    assert not list(tmp_path.iterdir())


def test_free_ports_differ():
    assert len(set(processes.free_ports(6))) == 6
