import os
import sys

import psutil
import pytest

from benchmarks.servers import processes
from tests.support import wait_until

# Starts a child of its own that ignores being asked to end, then says so and waits. Before that it works for a while:
# the system counts CPU time in hundredths of a second, and a quick start may have used none.
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
def tree(tmp_path):
    tree = processes.Tree(tmp_path / "server.pids")
    yield tree
    tree.stop(0.2)


def start(tree, tmp_path):
    log, script = tmp_path / "logs" / "server.log", tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    tree.spawn([sys.executable, str(script)], dict(os.environ), tmp_path, log)
    wait_until(lambda: "ready" in log.read_text().splitlines(), "the server is ready", 30)


def test_a_tree_is_the_command_with_its_children_and_their_memory(tree, tmp_path):
    start(tree, tmp_path)
    assert len(tree.members()) == 2
    assert tree.memory()["rss"] > 5
    assert tree.cpu_s() > 0


def test_a_stopped_tree_is_gone_and_so_is_its_record(tree, tmp_path):
    start(tree, tmp_path)
    members = tree.members()
    tree.stop(0.2)
    assert not any(processes.running(process) for process in members)
    assert not tree.record.exists()


def test_a_command_that_ended_is_noticed(tree, tmp_path):
    tree.spawn([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ), tmp_path, tmp_path / "log")
    tree.processes[0].wait()
    assert tree.exited() == 3


def test_leftovers_of_a_killed_run_are_stopped_by_their_record(tree, tmp_path):
    start(tree, tmp_path)
    assert processes.stop_leftovers(tmp_path) == 2
    tree.processes[0].wait()
    assert not list(tmp_path.glob("*.pids"))


def test_a_process_id_that_is_somebody_else_s_by_now_is_left_alone(tmp_path):
    began = psutil.Process().create_time() - 1000
    (tmp_path / "server.pids").write_text(f"[[{os.getpid()}, {began}]]")
    assert processes.stop_leftovers(tmp_path) == 0


def test_a_damaged_record_is_passed_over(tmp_path):
    (tmp_path / "server.pids").write_text("no json")
    assert processes.stop_leftovers(tmp_path) == 0


def test_free_ports_differ():
    assert len(set(processes.free_ports(6))) == 6
