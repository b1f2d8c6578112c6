"""Signals: defer SIGINT and SIGTERM while an operation must not stop, and repair the stack of signal handlers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from types import FrameType

#: How long a wait goes on after an interruption, in seconds: a decision takes less than one, if the server answers.
PATIENCE_S = 10.0
# The deferred interruptions of the running block, and whether a wait in it may be ended.
_came: list[int] = []
_is_waiting = False


@contextlib.contextmanager
def uninterrupted(doing: str = "") -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP until the block ends; then raise KeyboardInterrupt if one came.

    `doing` completes "interrupted; first " and is printed when one comes. A signal mask would not do, since it belongs
    to one thread.
    """

    def defer(number: int, frame: FrameType | None) -> None:
        if doing and not _came:
            # Not `print`, which may have been interrupted itself.
            os.write(2, f"\n  interrupted; first {doing}\n".encode())
        _came.append(number)
        if _is_waiting and len(_came) == 1:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)

    _came.clear()
    before = {number: signal.signal(number, defer) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if _came:
        raise KeyboardInterrupt


@contextlib.contextmanager
def bounded_wait() -> Iterator[None]:
    """Wait within an `uninterrupted` block, at most PATIENCE_S seconds longer after an interruption.

    Then KeyboardInterrupt is raised in the block, whatever it waits for. Its caller takes back what it has done.
    """
    global _is_waiting

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before, _is_waiting = signal.signal(signal.SIGALRM, end), True
    try:
        if _came:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _is_waiting = False
        signal.signal(signal.SIGALRM, before)


class _Stack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


@contextlib.contextmanager
def own_stack() -> Iterator[None]:
    """Restore the stack that the signal handlers of this thread run on.

    A native library may replace it and free the replacement; then the next signal, such as SIGINT, ends the process.
    """
    libc, before = ctypes.CDLL(None), _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
