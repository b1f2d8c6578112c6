"""Directories, Java and logs of started servers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.paths import LOGS, OWN_PYTHON, ROOT
from ops.errors import OpsError


def short_directory() -> Path:
    """Return a private directory with a short path: that of a Unix socket has at most 107 bytes."""
    digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    directory = Path(tempfile.gettempdir()) / f"yolo-bench-{os.getuid()}-{digest}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise OpsError(f"{directory} belongs to another user; remove it or set TMPDIR")
    return directory


def fresh(directory: Path) -> Path:
    """Return a directory, emptied."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@cache
def java_home() -> str:
    """Return the Java that this project itself uses. Raises OpsError."""
    code = "from ops.setup import java; print(java.home() or '')"
    done = subprocess.run([OWN_PYTHON, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise OpsError("no Java 17 or newer is there; run bash scripts/up.sh --native once, which installs one")
    return done.stdout.strip()


def tail(name: str, lines: int = 15) -> str:
    """Return the last lines of a server's logs, to say why it did not answer."""
    parts = []
    for path in sorted(LOGS.glob(f"{name}*.log")):
        text = path.read_text(errors="replace").splitlines()[-lines:]
        parts.append("\n".join([f"  {path.name}:", *(f"    {line}" for line in text)]))
    return "\n".join(parts)
