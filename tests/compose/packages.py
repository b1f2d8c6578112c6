"""Debian packages for the tests: installed by apt; Docker's two CLI plugins, oras and cosign are only unpacked.

Nothing installed here starts a service, and what is unpacked never touches the package database: Debian's stable
release after bookworm has it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.compose import host

PLUGINS = ("docker-compose", "docker-buildx")  # packages of the same names as the plugins they hold
# The first Debian release that carries what is unpacked. A newer machine takes it from its own release.
_NEWER_RELEASE = "trixie"
_OLDER_RELEASES = {"buster", "bullseye", "bookworm"}

Progress = Callable[[str], None]


def missing(tools: dict[str, str]) -> list[str]:
    """The packages, of a mapping tool -> package, whose tool is not on this machine."""
    return sorted({package for tool, package in tools.items() if not shutil.which(tool, path=search_path())})


def search_path() -> str:
    """PATH with the administrator's directories, which an ordinary shell may leave out."""
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


def install(packages: list[str], progress: Progress) -> None:
    """Install Debian packages without their recommendations and without starting any service."""
    progress(f"installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _turn(), _no_service_starts():
        for command in (
            ["apt-get", "-qq", "update"],
            ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages],
        ):
            run(command, environment)


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Wait until no other process of the tests installs anything: apt refuses where another apt is at work."""
    with (Path(tempfile.gettempdir()) / f"yolo-serving-test-apt-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian asks policy-rc.d before it starts a service; 101 is "no". An administrator's own policy stays."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def unpack_plugins(target: Path, scratch: Path, progress: Progress) -> None:
    """Put the Compose and buildx plugins into `target`; a plugin already there stays as it is."""
    unpack(PLUGINS, "usr/*/docker/cli-plugins/{}", target, scratch, progress)


def unpack(names: Sequence[str], pattern: str, target: Path, scratch: Path, progress: Progress) -> None:
    """Put a program of each of some packages of its name into `target`, unless it is there already.

    `pattern` is its path in the package. Raises LookupError and RuntimeError.
    """
    wanted = [name for name in names if not (target / name).exists()]
    if not wanted:
        return
    release = host.codename()
    source = host.main_source(release) if release else None
    if not release or source is None:
        raise LookupError(f"{', '.join(wanted)} missing, and no Debian source here could provide them")
    progress(f"unpacking {', '.join(wanted)}")
    suite = _NEWER_RELEASE if release in _OLDER_RELEASES else release

    apt = private_apt(scratch, source.line(suite))
    run([*apt, "update"])
    run([*apt, "download", *wanted], cwd=scratch)

    target.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        tree = scratch / f"{name}.tree"
        (archive,) = scratch.glob(f"{name}_*.deb")
        run(["dpkg-deb", "--extract", str(archive), str(tree)])
        (binary,) = tree.glob(pattern.format(name))
        shutil.copy2(binary, target / name)
    shutil.rmtree(scratch)


def private_apt(scratch: Path, *sources: str) -> list[str]:
    """Return an apt-get with these sources alone: the machine's lists and pins know nothing of another release."""
    lists, cache, parts = scratch / "lists", scratch / "cache", scratch / "sources"
    for folder in (lists / "partial", cache / "archives" / "partial", parts):
        folder.mkdir(parents=True, exist_ok=True)
    (scratch / "sources.list").write_text("".join(f"{source}\n" for source in sources))
    options = [
        f"Dir::Etc::sourcelist={scratch / 'sources.list'}",
        f"Dir::Etc::sourceparts={parts}",
        f"Dir::State::lists={lists}",
        f"Dir::Cache={cache}",
        "APT::Sandbox::User=root",  # the sandbox user could not write to a folder of root's
    ]
    return ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]


def run(command: list[str], environment: dict[str, str] | None = None, **options: Any) -> None:
    """Run a command quietly. Raises RuntimeError with the end of what it said when it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-800:]}")
