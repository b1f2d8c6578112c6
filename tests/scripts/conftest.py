"""The scripts with a fake `docker` on PATH that writes down how it was called."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import copy_tree

# Plain sh, so that it runs as any user. Arguments are kept apart by NUL, calls by the record separator. Each call is
# one write, as both ends of a pipeline may call at once.
_FAKE = r"""#!/bin/sh
here=$(dirname -- "$0")
printf '%s\0' "$@" "$(printf '\036')" >>"$here/calls"
. "$here/answers"
"""


@dataclass
class FakeDocker:
    """A `docker` that answers as told and remembers."""

    folder: Path

    def answer(self, *when: str, say: str = "", complain: str = "", do: str = "", exit: int = 0) -> None:
        """Answer a call that holds these words in this order. The latest rule is asked first; none means success."""
        file = self.folder / "answers"
        pattern = "".join(f"*{shlex.quote(' ' + word)}" for word in when)
        spoken = f"printf %s {shlex.quote(say)}; printf %s {shlex.quote(complain)} >&2; {do or ':'}"
        rule = f'case " $*" in {pattern}*) {spoken}; exit {exit} ;; esac\n'
        file.write_text(rule + (file.read_text() if file.exists() else ""))

    @property
    def calls(self) -> list[list[str]]:
        file = self.folder / "calls"
        if not file.exists():
            return []
        return [call.split("\0")[:-1] for call in file.read_text().split("\036\0")[:-1]]

    def called(self, *words: str) -> list[list[str]]:
        """The calls that begin with these words."""
        return [call for call in self.calls if tuple(call[: len(words)]) == words]


@dataclass
class Checkout:
    """A copy of the tree whose scripts meet the fake docker."""

    root: Path
    environment: dict[str, str]

    def give_to(self, user: int) -> None:
        """Let somebody else own the checkout and all around it."""
        for path in (self.root.parent, *self.root.parent.rglob("*")):
            os.chown(path, user, user)

    def run(
        self, script: str, *arguments: str, cwd: Path | None = None, user: int | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of the checkout, as another user if one is named."""
        return subprocess.run(
            ["bash", str(self.root / "scripts" / script), *arguments],
            cwd=cwd or self.root,
            env={**self.environment, **environment},
            user=user,
            group=user,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="yolo-scripts-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def docker(folder: Path) -> FakeDocker:
    """An engine that works: Compose 2.26, builds that succeed, nothing running yet."""
    (folder / "bin").mkdir()
    program = folder / "bin/docker"
    program.write_text(_FAKE)
    program.chmod(0o755)
    fake = FakeDocker(folder / "bin")
    fake.answer("compose", "version", say="2.26.1\n")
    fake.answer("compose", "config", "--images", say="yolo-serving/model-archiver:local\n")
    return fake


@pytest.fixture
def checkout(folder: Path, docker: FakeDocker) -> Checkout:
    """A fresh copy, in a folder with a space in its name, as its user would call its scripts."""
    path = f"{docker.folder}{os.pathsep}{os.environ['PATH']}"
    root = copy_tree(folder / "yolo serving", without=("tests/", "benchmarks/", "docs/", "api-gateway/"))
    return Checkout(root, {"PATH": path, "HOME": str(folder)})


@pytest.fixture
def weights(checkout: Checkout, docker: FakeDocker) -> Path:
    """New weights, a TorchServe that runs, and a packager that makes 1.7 of them."""
    docker.answer("compose", "ps", "-q", "torchserve", say="0123abcd\n")
    path = checkout.root / "new best.pt"
    path.write_bytes(b"weights")
    docker.answer("run", "--network", "none", say="1.7\n")
    return path
