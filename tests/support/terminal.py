"""A program in a terminal of a given size, as a person runs it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# Makes the terminal on descriptor 0 the controlling one, so that its Ctrl-C becomes a signal, and becomes the program.
_TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
CTRL_C = b"\x03"


@dataclass
class Terminal:
    """A running program, and all that it has written to its terminal."""

    process: subprocess.Popen[bytes]
    descriptor: int
    output: str = field(default="")

    def read_until(self, text: str, deadline_s: float = 60) -> None:
        """Read until `text` was written after what was read before; fail at the deadline."""
        start, end = len(self.output), time.monotonic() + deadline_s
        while text not in self.output[start:]:
            if time.monotonic() > end or not self._read(1.0):
                pytest.fail(f"{text!r} was not written to the terminal, but: {self.output[-2000:]!r}")

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.descriptor, keys)

    def wait(self, deadline_s: float = 60) -> int:
        """Return the exit code; what is written until then is in `output`."""
        end = time.monotonic() + deadline_s
        while self._read(0.2) and time.monotonic() < end:
            pass
        return self.process.wait(timeout=deadline_s)

    def _read(self, timeout_s: float) -> bool:
        """Read what there is; return False once the program has closed its terminal."""
        if not select.select([self.descriptor], [], [], timeout_s)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # EIO: no process has the terminal open
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


@contextlib.contextmanager
def in_terminal(
    argv: Sequence[str], environment: Mapping[str, str], cwd: Path, columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """Run a program in a terminal of its own; kill what still runs at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE, *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm", **environment},
        cwd=cwd,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
