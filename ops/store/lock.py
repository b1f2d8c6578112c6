"""One release operation at a time: a lock in the model store that says who holds it, since when and for what.

The lock is an flock(2) on a file, so the kernel releases it when its holder ends, also by SIGKILL. It holds between
this machine and its containers when they mount the same local file system.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ops.errors import LockedError, from_os_error
from ops.paths import folder_of, model_of
from ops.system import identity
from ops.system.files import read_json, write_json
from ops.system.polling import poll

# The file that is locked. It is never removed: another process may have it open.
GUARD = ".release-guard"
# What `up` holds the lock for.
UP = "up"
# Whoever holds the lock has no name in its first moment and in its last. So long it is waited for.
NAMED_S = 0.5
# Who holds the lock. It says nothing while the lock is free: then its writer was killed.
HOLDER = Path(".release-lock/holder.json")


@dataclass(frozen=True)
class Holder:
    """The process that holds the lock, and what it does."""

    by: str
    what: str
    since: str
    host: str
    pid: int

    def __str__(self) -> str:
        return f"{self.by}, {self.what}, since {self.since} (process {self.pid} on {self.host})"


def holder(store: Path) -> Holder | None:
    """Return who holds the lock, or None when it is free. Raises OpsError when its file cannot be read."""
    found = poll(lambda: _is_free(store) or _read(store), NAMED_S, 0.02)
    if found is True:
        return None
    return found or Holder("somebody", "an operation", "a moment ago", "this machine", 0)


def _is_free(store: Path) -> bool:
    try:
        with (store / GUARD).open() as guard:
            return _try_lock(guard, fcntl.LOCK_SH)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise from_os_error(error, "reading the release lock") from error


def _read(store: Path) -> Holder | None:
    found = read_json(store / HOLDER) or {}
    try:
        return Holder(**{name: found[name] for name in Holder.__dataclass_fields__})
    except KeyError:
        return None


def require_free(store: Path) -> None:
    """Raise LockedError, naming the holder, when the lock is held."""
    found = holder(store)
    if found is not None:
        whose = "" if store == folder_of(store) else f" on {model_of(store)}"
        raise LockedError(f"another operation{whose} is at work: {found}. Nothing changed; try again when it is done")


@contextlib.contextmanager
def held(store: Path, what: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock for the operation that `what` names; wait for it at most `wait_s` seconds.

    Raises LockedError, naming the holder.
    """
    mine = Holder(identity.name(), what, identity.now(), socket.gethostname(), os.getpid())
    with contextlib.ExitStack() as stack:
        try:
            if store != folder_of(store):  # the first operation of a further model makes its folder
                store.mkdir(parents=True, exist_ok=True)
            guard = stack.enter_context((store / GUARD).open("a"))
            # `holder` of another process may have the lock for a moment; then `require_free` lets this try again.
            while not poll(lambda: _try_lock(guard, fcntl.LOCK_EX), wait_s):
                require_free(store)
            (store / HOLDER).parent.mkdir(exist_ok=True)
            write_json(store / HOLDER, asdict(mine))
        except OSError as error:
            raise from_os_error(error, "taking the release lock") from error
        stack.callback(shutil.rmtree, (store / HOLDER).parent, ignore_errors=True)
        yield


@contextlib.contextmanager
def held_together(stores: Iterable[Path], what: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the locks of several models, taken in this order; wait at most `wait_s` seconds for each.

    All callers must take them in the same order (`ops.store.models.stores`): two that wait for each other wait forever.
    """
    with contextlib.ExitStack() as stack:
        for store in stores:
            stack.enter_context(held(store, what, wait_s))
        yield


def _try_lock(guard: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(guard, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
