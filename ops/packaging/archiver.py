"""Build a model archive with torch-model-archiver."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ops.errors import OpsError
from ops.paths import COMMON, MODEL, SERVING
from ops.store.archive import HANDLER, REQUIREMENTS, WEIGHTS
from ops.system.environment import PACKAGING, only


def build(staging: Path, weights: Path, version: str, model: str = MODEL) -> Path:
    """Archive the weights, the handler and what is in `staging/extra`; return the archive. Raises OpsError.

    `staging` must be private: the archiver copies everything to `$TMPDIR/<model name>` and deletes what it finds there.
    """
    extra = staging / "extra"
    for package in (SERVING / "yolo", COMMON / "image_formats"):
        shutil.copytree(package, extra / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(weights, staging / WEIGHTS)
    scratch = staging / "tmp"
    scratch.mkdir()
    argv = [
        *(sys.executable, "-m", "model_archiver.model_packaging"),
        *("--model-name", model, "--version", version),
        *("--handler", str(SERVING / HANDLER), "--serialized-file", WEIGHTS),
        # Relative: it takes a comma for a separator and brackets for a pattern.
        *("--extra-files", extra.name, "--requirements-file", str(SERVING / REQUIREMENTS)),
        # Weights do not compress, and stored files are unpacked faster when a version goes live.
        *("--archive-format", "zip-store", "--export-path", "."),
    ]
    environment = {**only(PACKAGING), "TMPDIR": str(scratch)}
    done = subprocess.run(argv, cwd=staging, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"torch-model-archiver failed:\n{(done.stderr or done.stdout).strip()[-1500:]}")
    return staging / f"{model}.mar"
