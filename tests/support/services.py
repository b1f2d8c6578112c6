"""Real servers for tests, from Debian's packages, on a free port, stopped by pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ops.system.files import locked
from tests.compose import packages
from tests.support import cannot_run, free_ports, wait_until

# Kept between runs.
UNPACKED = Path("/var/tmp/yolo-serving-tools")


def find_binary(name: str, package: str) -> str:
    """Find a server's program; as root on Debian install its package, which starts nothing."""
    if not shutil.which(name, path=packages.search_path()) and os.geteuid() == 0 and shutil.which("apt-get"):
        packages.install([package], lambda line: None)
    found = shutil.which(name, path=packages.search_path())
    if found is None:
        cannot_run(f"{name} is not installed: apt-get install {package}")
    assert found is not None
    return found


def find_newer_binary(name: str) -> str:
    """Find a program that Debian has since trixie; as root, its package is unpacked for the tests alone."""
    found = shutil.which(name) or shutil.which(name, path=str(UNPACKED))
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with (
            suppress(LookupError, RuntimeError, ValueError),
            locked(UNPACKED.parent / f"{UNPACKED.name}.lock"),
            tempfile.TemporaryDirectory() as scratch,
        ):
            packages.unpack([name], "usr/bin/{}", UNPACKED, Path(scratch) / "apt", lambda line: None)
        found = shutil.which(name, path=str(UNPACKED))
    if found is None:
        cannot_run(f"{name} is not installed: apt-get install {name} (Debian 13)")
    assert found is not None
    return found


@dataclass
class RedisServer:
    """A Redis of a test's own that can be paused, killed and started again on the same port, empty."""

    binary: str
    port: int
    folder: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self.binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "no", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self._pings(), f"Redis answers on port {self.port}")

    def pause(self) -> None:
        """Suspend it: it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would; what it held is gone."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def command(self, *words: str) -> bytes:
        """Send one command and return the raw beginning of its answer: `+OK`, `:3`, `-ERR …`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            parts = [word.encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            return connection.recv(65536).rstrip()

    def _pings(self) -> bool:
        try:
            return self.command("PING").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a real redis-server with nothing on disk; `options` are its own, as in ("--maxmemory", "1mb")."""
    binary = find_binary("redis-server", "redis-server")
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(binary, free_ports(1)[0], Path(folder), options)
        server.start()
        try:
            yield server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.kill()
