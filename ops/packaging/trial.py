"""Try an archive before it is kept: load it, warm it up and infer a picture, as a worker of TorchServe does.

That happens in a process of its own, which may die, and whose libraries are loaded anew.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

from ops.errors import OpsError
from ops.samples import pictures
from ops.system.environment import PACKAGING, WORKER_SETTINGS, only

WORKER = Path(__file__).with_name("trial_worker.py")
# TorchServe gives a worker 120 s to load (STARTUP_TIMEOUT_S).
TIMEOUT_S = 180.0


def run(archive: Path, scratch: Path) -> None:
    """Try an archive, with `scratch` for its files. Raises OpsError, which says why a worker could not serve it."""
    folder, picture = scratch / "trial", scratch / "picture"
    picture.write_bytes(next(iter(pictures().values())))
    try:
        with zipfile.ZipFile(archive) as mar:
            mar.extractall(folder)
        environment = {
            **only((*PACKAGING, *WORKER_SETTINGS)),
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(folder),
            "MODEL_CACHE_DIR": "",
        }
        argv = [sys.executable, "-P", str(WORKER), str(folder), str(picture)]
        done = subprocess.run(
            argv, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _failed(f"it was not ready within {TIMEOUT_S:.0f} s") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode == -signal.SIGKILL:
        raise _failed("its process was killed, as happens where memory is short. Free some, or use a smaller model")
    if done.returncode != 0:
        raise _failed(explain(done.stderr, done.returncode))


def explain(stderr: str, code: int) -> str:
    """Return why a worker ended: the last line of its traceback, without the module of the error."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if not lines:
        return f"its process ended with {code}"
    head, colon, text = lines[-1].partition(": ")
    return f"{head.rpartition('.')[2]}{colon}{text}" if " " not in head else lines[-1]


def _failed(why: str) -> OpsError:
    return OpsError(f"a worker could not serve the new archive: {why}. Nothing changed")
