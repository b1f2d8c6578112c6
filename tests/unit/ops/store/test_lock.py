import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.errors import LockedError
from ops.paths import ROOT, store_of
from ops.releases import history
from ops.store import lock
from tests.unit.ops.fake_server import FakeServer

HOLD = """
import sys, pathlib
from ops.store import lock
with lock.held(pathlib.Path(sys.argv[1]), "redeploy of 1.1"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock until it is told to end."""
    argv = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_second_operation_is_refused_and_told_who_holds_the_lock_and_for_what(tmp_path, other):
    with pytest.raises(LockedError) as refused, lock.held(tmp_path, "x"):
        pass
    assert "redeploy of 1.1" in str(refused.value)
    assert f"process {other.pid} on" in str(refused.value)
    with pytest.raises(LockedError, match=r"redeploy of 1\.1"):
        lock.require_free(tmp_path)


def test_a_second_operation_in_the_same_process_is_refused_too(tmp_path):
    with lock.held(tmp_path, "one"), pytest.raises(LockedError, match="one"), lock.held(tmp_path, "two"):
        pass


def test_the_lock_is_free_after_the_operation_also_after_a_failure(tmp_path):
    with pytest.raises(ValueError), lock.held(tmp_path, "one"):
        raise ValueError
    assert lock.holder(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [lock.GUARD]
    with lock.held(tmp_path, "two"):
        assert lock.holder(tmp_path).what == "two"


def test_the_lock_of_a_killed_operation_is_free_at_once(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / lock.HOLDER).exists()
    assert lock.holder(tmp_path) is None
    with lock.held(tmp_path, "next"):
        assert lock.holder(tmp_path).pid == os.getpid()


def test_the_lock_folder_of_an_earlier_release_does_not_block_and_is_removed(tmp_path):
    (tmp_path / lock.HOLDER).parent.mkdir()
    (tmp_path / lock.HOLDER).write_text('{"by": "me", "pid": 1, "host": "elsewhere", "token": "4f"}')
    assert lock.holder(tmp_path) is None
    with lock.held(tmp_path, "next"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [lock.GUARD]


def test_an_operation_that_waits_begins_when_the_lock_is_free(tmp_path, other):
    with ThreadPoolExecutor(1) as pool:

        def wait():
            with lock.held(tmp_path, "package", wait_s=30):
                return lock.holder(tmp_path).what

        waiting = pool.submit(wait)
        other.stdin.close()
        assert waiting.result() == "package"


def test_a_holder_whose_name_cannot_be_read_is_still_refused(tmp_path):
    with lock.held(tmp_path, "one"):
        (tmp_path / lock.HOLDER).write_text("{")
        with pytest.raises(LockedError, match="somebody"):
            lock.require_free(tmp_path)


def test_an_operation_is_named_from_its_first_moment_to_its_last(tmp_path, other):
    path = tmp_path / lock.HOLDER
    name = path.read_text()
    with ThreadPoolExecutor(1) as pool:
        path.unlink()
        asked = pool.submit(lock.holder, tmp_path)
        path.write_text(name)
        assert asked.result().what == "redeploy of 1.1"
        path.unlink()
        asked = pool.submit(lock.holder, tmp_path)
        other.kill()
        assert asked.result() is None


def test_looking_at_a_free_lock_changes_nothing(tmp_path):
    assert lock.holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_there_is_nothing_to_unlock_but_an_operation_at_work_is_named(tmp_path, capsys):
    host = FakeServer(tmp_path).host()
    history.unlock(host)
    assert "Nothing to unlock" in capsys.readouterr().out
    with lock.held(tmp_path, "at work"), pytest.raises(LockedError, match="at work"):
        history.unlock(host)


def test_several_are_held_together_or_not_at_all(tmp_path):
    stores = [store_of(name, tmp_path) for name in ("cars", "helmets", "yolo")]
    with lock.held_together(stores, "up"):
        assert [lock.holder(store).what for store in stores] == ["up"] * 3
    assert [lock.holder(store) for store in stores] == [None] * 3
    with lock.held(stores[1], "redeploy of 2.1"):
        refused = pytest.raises(LockedError, match=r"another operation on helmets is at work: .*redeploy of 2\.1")
        with refused, lock.held_together(stores, "up"):
            pass
        assert [lock.holder(store) for store in (stores[0], stores[2])] == [None] * 2
