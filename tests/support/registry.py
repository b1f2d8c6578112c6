"""A real registry on loopback, the programs that speak to it, and pairs of keys."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.endpoints import HTTP
from tests.support.ports import free_ports
from tests.support.services import find_binary, find_newer_binary
from tests.support.waiting import wait_until

CONFIGURATION = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True)
class RegistryServer:
    """A registry without users. `folder` holds its blobs, `bin` the programs that speak to it."""

    port: int
    folder: Path
    bin: Path

    @property
    def address(self) -> str:
        """Of a namespace in it."""
        return f"127.0.0.1:{self.port}/me/yolo"

    @property
    def path(self) -> str:
        """A PATH on which oras and cosign are found."""
        return f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def blob(self, digest: str) -> Path:
        """The file of a blob."""
        hexadecimal = digest.removeprefix("sha256:")
        return self.folder / f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository of the namespace."""
        answer = HTTP.get(f"http://127.0.0.1:{self.port}/v2/me/yolo/{repository}/tags/list", timeout=10)
        found: list[str] = answer.json().get("tags") or [] if answer.is_success else []
        return found


@contextmanager
def registry_server(folder: Path) -> Iterator[RegistryServer]:
    """Run docker-registry on a free port of loopback, with what it stores in `folder`."""
    binary = find_binary("docker-registry", "docker-registry")
    programs = folder / "bin"
    programs.mkdir()
    for name in ("oras", "cosign"):
        (programs / name).symlink_to(find_newer_binary(name))
    (port,) = free_ports(1)
    configuration = folder / "registry.yml"
    configuration.write_text(CONFIGURATION.format(folder=folder / "blobs", port=port))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([binary, "serve", str(configuration)], stdout=log, stderr=log, env={"PATH": ""})
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), "the registry answers", 30)
        assert process.poll() is None, (folder / "registry.log").read_text()[-2000:]
        yield RegistryServer(port, folder / "blobs", programs)
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return HTTP.get(f"http://127.0.0.1:{port}/v2/", timeout=5).is_success
    except httpx.HTTPError:
        return False


def key_pair(server: RegistryServer, folder: Path) -> tuple[Path, Path]:
    """Make a private and a public key, without a password."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["cosign", "generate-key-pair"],
        cwd=folder,
        env={"PATH": server.path, "HOME": str(folder), "COSIGN_PASSWORD": ""},
        check=True,
        capture_output=True,
    )
    return folder / "cosign.key", folder / "cosign.pub"
