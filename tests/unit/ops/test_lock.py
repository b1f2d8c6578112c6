import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest

from ops.errors import LockedError
from ops.store import lock
from ops.system.files import write_json


def left_behind(store, **changes):
    """A lock whose holder did not get to release it."""
    (store / lock.FOLDER).mkdir()
    write_json(store / lock.FOLDER / lock.DETAILS, asdict(replace(lock._me("redeploy of 1.1"), **changes)))


def gone_process():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_the_second_is_refused_and_told_who_holds_it_since_when_and_for_what(tmp_path):
    with lock.held(tmp_path, "redeploy of 1.1"), pytest.raises(LockedError) as refused, lock.held(tmp_path, "x"):
        pass
    holder = lock._me("")
    assert "redeploy of 1.1" in str(refused.value)
    assert holder.by in str(refused.value)
    assert str(os.getpid()) in str(refused.value)


def test_it_is_free_again_afterwards_also_after_a_failure(tmp_path):
    with pytest.raises(ValueError), lock.held(tmp_path, "one"):
        raise ValueError
    assert lock.holder(tmp_path) is None
    with lock.held(tmp_path, "two") as left_by:
        assert left_by is None


def test_the_lock_of_a_process_that_is_gone_is_taken_over_and_said(tmp_path):
    left_behind(tmp_path, pid=gone_process())
    with lock.held(tmp_path, "next") as left_by:
        assert "redeploy of 1.1" in left_by
        assert "gone" in left_by
        assert lock.holder(tmp_path).what == "next"


def test_a_process_id_that_was_given_to_another_process_is_gone_too(tmp_path):
    left_behind(tmp_path, born=1.0)
    assert "gone" in lock.stale(tmp_path, lock.holder(tmp_path))


def test_a_holder_on_another_host_counts_as_gone_only_after_it_was_quiet_for_long(tmp_path):
    left_behind(tmp_path, host="elsewhere", pid=1)
    with pytest.raises(LockedError), lock.held(tmp_path, "next"):
        pass
    long_ago = (tmp_path / lock.FOLDER / lock.DETAILS).stat().st_mtime - lock.STALE_S - 10
    os.utime(tmp_path / lock.FOLDER / lock.DETAILS, (long_ago, long_ago))
    with lock.held(tmp_path, "next") as left_by:
        assert "no sign of life" in left_by


def test_a_lock_without_a_name_is_of_one_that_was_killed_while_it_took_it(tmp_path):
    (tmp_path / lock.FOLDER).mkdir()
    with lock.held(tmp_path, "next") as left_by:
        assert "killed while it took" in left_by


def test_waiting_for_it_ends_when_it_is_free(tmp_path):
    left_behind(tmp_path, pid=gone_process())
    with lock.held(tmp_path, "package", wait_s=5):
        pass


def test_unlock_spares_a_holder_at_work_unless_forced(tmp_path):
    assert lock.break_open(tmp_path) is None
    with lock.held(tmp_path, "at work"):
        with pytest.raises(LockedError, match="still at work"):
            lock.break_open(tmp_path)
        assert lock.break_open(tmp_path, force=True).what == "at work"
    left_behind(tmp_path, pid=gone_process())
    assert lock.break_open(tmp_path).what == "redeploy of 1.1"


def test_unlock_does_not_remove_the_lock_of_one_that_took_the_stale_one_over_meanwhile(tmp_path):
    left_behind(tmp_path, pid=gone_process())
    with ThreadPoolExecutor(1) as pool:
        with lock._guard(tmp_path):
            unlocked = pool.submit(lock.break_open, tmp_path)
            time.sleep(0.2)  # it has looked, if it looks before its turn
            shutil.rmtree(tmp_path / lock.FOLDER)
            left_behind(tmp_path)
        with pytest.raises(LockedError, match="still at work"):
            unlocked.result()
    assert lock.holder(tmp_path).pid == os.getpid()


def test_unlock_removes_a_lock_without_a_name(tmp_path):
    (tmp_path / lock.FOLDER).mkdir()
    assert lock.break_open(tmp_path).token == ""
    assert lock.holder(tmp_path) is None
