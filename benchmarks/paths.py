"""Where things lie. Everything generated is under `.venvs/` (ignored by git) but the results."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RIVALS = HERE / "rivals"
SHIM = RIVALS / "shim"
VENVS = HERE / ".venvs"
# Archives, exports, logs and process records of the race.
WORK = VENVS / "work"
LOGS = WORK / "logs"
RESULTS = HERE / "results"

SERVING = ROOT / "serving" / "torchserve"
GATEWAY = ROOT / "api-gateway"
OWN_PYTHON = ROOT / ".venv" / "bin" / "python"
WEIGHTS = ROOT / "models" / "weights" / "best.pt"
SAMPLES = ROOT / "samples"
PHOTOS = ROOT.parent / "shared" / "photos"


def python_of(environment: str) -> Path:
    """Return the Python of one of the race's own environments."""
    return VENVS / environment / "bin" / "python"
