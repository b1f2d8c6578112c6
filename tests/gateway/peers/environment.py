"""Environments for programs that are not ours: kept in the user's cache folder, made when they are missing."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import cannot_run

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yolo-serving" / "tests"


def python_with(name: str) -> Path:
    """Return the interpreter of an environment with NAME.txt installed, made now if it is not there."""
    requirements, constraints = HERE / f"{name}.txt", HERE / f"{name}.constraints.txt"
    made_from = hashlib.sha256(platform.python_version().encode())
    for path in (requirements, constraints):
        made_from.update(path.read_bytes())
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{made_from.hexdigest()[:12]}"
    python, stamp = folder / "bin" / "python", folder / "complete"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests at once make it once
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
            # With the pip of the tests, and without compiling what no test imports.
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--python", python]
            install = ["install", "--quiet", "--no-compile", "-r", requirements, "-c", constraints]
            done = subprocess.run([*pip, *install], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                cannot_run(f"{name} cannot be installed from the package index: {done.stderr[-500:]}")
            stamp.touch()
    return python


if __name__ == "__main__":
    for requirements in sorted(HERE.glob("*.txt")):
        if not requirements.name.endswith(".constraints.txt"):
            python_with(requirements.stem)
