"""Paths of the benchmark. All generated files are under `.venvs/`, which git ignores, except the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RIVALS = HERE / "rivals"
SHIM = RIVALS / "shim"
VENVS = HERE / ".venvs"
# Archives, exports, logs and records of running processes.
WORK = VENVS / "work"
LOGS = WORK / "logs"
RESULTS = HERE / "results"

SERVING = ROOT / "serving" / "torchserve"
GATEWAY = ROOT / "api-gateway"
COMMON = ROOT / "common"
OWN_VENV = ROOT / ".venv"
OWN_PYTHON = OWN_VENV / "bin" / "python"
WEIGHTS = ROOT / "models" / "weights" / "best.pt"
SAMPLES = ROOT / "samples"
PHOTOS = ROOT.parent / "shared" / "photos"


def python_of(environment: str) -> Path:
    """Return the Python of one of the benchmark's own environments."""
    return VENVS / environment / "bin" / "python"


def site_packages(environment: Path) -> Path:
    """Return the site-packages folder of a virtual environment."""
    return next(environment.glob("lib/python3*/site-packages"))


def digest(files: Iterable[Path]) -> str:
    """Return a short digest of the files' bytes, in order."""
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]
