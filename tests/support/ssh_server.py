"""A machine that can be reached over SSH: Debian's sshd on a free port of loopback, for the user of the tests."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.services import find_binary
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class SshServer:
    """Where it listens, the public key that it shows, the private key that it admits, and its log."""

    port: int
    host_key: str
    private_key: Path
    log: Path
    user: str


@contextmanager
def ssh_server(folder: Path, kind: str = "ed25519", path: str | None = None) -> Iterator[SshServer]:
    """Run an sshd with keys of its own in `folder`; it is stopped by its pid. `path`: the PATH of its sessions."""
    sshd, keygen = find_binary("sshd", "openssh-server"), find_binary("ssh-keygen", "openssh-client")
    for name in ("host", "client"):
        argv = [
            keygen,
            "-q",
            "-t",
            kind if name == "host" else "ed25519",
            "-N",
            "",
            "-C",
            name,
            "-f",
            str(folder / name),
        ]
        subprocess.run(argv, check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # Debian's sshd gives up its privileges there
    (port,) = free_ports(1)
    log = folder / "sshd.log"
    options = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "client.pub",
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        **({"SetEnv": f'"PATH={path}"'} if path else {}),
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    process = subprocess.Popen([sshd, "-D", "-f", str(config), "-E", str(log)])

    def is_listening() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    try:
        wait_until(is_listening, f"sshd listens on port {port}")
        yield SshServer(port, (folder / "host.pub").read_text().strip(), folder / "client", log, getpass.getuser())
    finally:
        process.terminate()
        process.wait(20)
