"""Temporary directories of servers, and the Java that runs TorchServe."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from benchmarks.paths import OWN_PYTHON, ROOT
from ops.errors import OpsError
from ops.paths import socket_dir


def short_directory() -> Path:
    """Return a private directory with a short path: the path of a Unix socket has at most 107 bytes."""
    directory = Path(f"{socket_dir()}-bench")
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise OpsError(f"{directory} belongs to another user; remove it or set TMPDIR")
    return directory


def emptied(directory: Path) -> Path:
    """Create the directory, or remove its content. Returns it."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@cache
def java_home() -> str:
    """Return the home of the Java that this project uses. Raises OpsError."""
    code = "from ops.setup import java; print(java.find_home() or '')"
    done = subprocess.run([OWN_PYTHON, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise OpsError("Java 17 or newer is missing; run bash scripts/up.sh --native once, which installs it")
    return done.stdout.strip()
