"""One operation at a time: a lock in the model store that says who holds it, since when and for what.

A folder, because making one is atomic on every file system. Its holder touches it every few seconds, so that a lock
whose holder is gone is recognised also from another host or container, where a process id says nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ops.errors import LockedError, OpsError, from_os_error
from ops.system import identity
from ops.system.files import read_json, write_json

FOLDER = ".release-lock"
DETAILS = "holder.json"
GUARD = ".release-guard"
BEAT_S = 5.0
# No sign of life for so long: the holder is gone, or its machine is.
STALE_S = 60.0
POLL_S = 0.2


@dataclass(frozen=True)
class Holder:
    """Who holds the lock. `born` is the start of its process in seconds since the epoch, against reused ids."""

    by: str
    what: str
    since: str
    host: str
    pid: int
    born: float
    token: str

    def __str__(self) -> str:
        return f"{self.by}, {self.what}, since {self.since} (process {self.pid} on {self.host})"


def holder(store: Path) -> Holder | None:
    """Return who holds the lock, or None. A holder that has not written its name yet is called unknown."""
    folder = store / FOLDER
    if not folder.is_dir():
        return None
    details = read_json(folder / DETAILS)
    try:
        return Holder(**(details or {}))
    except TypeError:
        return Holder("somebody", "an operation", "an unknown time", "?", 0, 0.0, "")


def stale(store: Path, found: Holder) -> str | None:
    """Return why the holder of a lock cannot be at work any more, or None."""
    if found.host == socket.gethostname():
        try:
            if abs(psutil.Process(found.pid).create_time() - found.born) < 1:
                return None
        except psutil.NoSuchProcess:
            pass
        except psutil.Error:
            return None
        return f"its process {found.pid} is gone"
    for path in (store / FOLDER / DETAILS, store / FOLDER):
        with contextlib.suppress(OSError):
            quiet = time.time() - path.stat().st_mtime
            return f"no sign of life for {quiet:.0f} s" if quiet > STALE_S else None
    return None


def _me(what: str) -> Holder:
    born = psutil.Process().create_time()
    return Holder(identity.name(), what, identity.now(), socket.gethostname(), os.getpid(), born, uuid.uuid4().hex)


@contextlib.contextmanager
def _guard(store: Path) -> Iterator[None]:
    """Be the only one that takes or leaves the lock: two that find the same stale one must not both clear it away."""
    with (store / GUARD).open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _gone(store: Path, found: Holder) -> str | None:
    """As `stale`, for the one that has the guard: without a name the lock is of one that was killed at taking it."""
    return stale(store, found) if found.token else "it was killed while it took or left the lock"


def _take(store: Path, mine: Holder) -> tuple[Holder | None, str | None]:
    """Try once. Returns who holds it now and why a former holder was put aside, if one was."""
    with _guard(store):
        found, reason = holder(store), None
        if found is not None:
            gone = _gone(store, found)
            if gone is None:
                return found, None
            reason = f"{found}: {gone}"
            shutil.rmtree(store / FOLDER)
        (store / FOLDER).mkdir()
        write_json(store / FOLDER / DETAILS, asdict(mine))
        return mine, reason


@contextlib.contextmanager
def held(store: Path, what: str, wait_s: float = 0.0) -> Iterator[str | None]:
    """Hold the lock. Yields who was found to have left it behind, or None. Raises LockedError, saying who holds it."""
    mine = _me(what)
    end = time.monotonic() + wait_s
    try:
        while True:
            now, left_by = _take(store, mine)
            if now is mine:
                break
            if time.monotonic() > end:
                raise LockedError(f"another operation is at work: {now}. Nothing changed; try again when it is done")
            time.sleep(POLL_S)
    except OSError as error:
        raise from_os_error(error, "taking the release lock") from error
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_S):
            with contextlib.suppress(OSError):
                os.utime(store / FOLDER / DETAILS)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield left_by
    finally:
        over.set()
        thread.join()
        with _guard(store):
            present = holder(store)
            if present is not None and present.token == mine.token:
                shutil.rmtree(store / FOLDER, ignore_errors=True)


def break_open(store: Path, force: bool = False) -> Holder | None:
    """Remove the lock of a holder that is gone; with `force`, anybody's. Returns whose it was. Raises LockedError."""
    if not (store / FOLDER).is_dir():
        return None
    try:
        with _guard(store):  # else another could take over the stale one in between, and this would remove its lock
            found = holder(store)
            if found is None:
                return None
            if not force and _gone(store, found) is None:
                raise LockedError(
                    f"{found}: still at work. Wait for it, or stop it; --force removes its lock all the same"
                )
            shutil.rmtree(store / FOLDER)
    except OSError as error:
        raise OpsError(f"the lock {store / FOLDER} cannot be removed: {error.strerror}") from error
    return found
