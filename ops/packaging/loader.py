"""Export weights in a process of its own, which has none of the caller's variables: weights are code.

    python -m ops.packaging.loader WEIGHTS DIRECTORY ANSWER

writes {"metadata": …, "remarks": […]} or {"error": …} to the file ANSWER.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.paths import ROOT, shown
from ops.system.environment import PACKAGING, only
from ops.system.settings import load
from ops.system.variables import TRUST_WEIGHTS


def export_apart(weights: Path, directory: Path) -> tuple[dict[str, Any], list[str]]:
    """Export weights as `ops.packaging.export.export` does; return the metadata and the remarks. Raises OpsError."""
    trusted = load().environment.get(TRUST_WEIGHTS.name, "").strip() or TRUST_WEIGHTS.default
    with tempfile.TemporaryDirectory(prefix="yolo-export-") as folder:
        answer = Path(folder) / "answer.json"
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(weights), str(directory), str(answer)],
            cwd=ROOT,
            env={**only(PACKAGING), TRUST_WEIGHTS.name: trusted},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if not answer.is_file():
            reason = f"signal {-done.returncode}" if done.returncode < 0 else done.stderr.strip()[-500:]
            raise OpsError(f"{shown(weights)}: the process that loads the weights failed ({reason}). Nothing changed")
        said: dict[str, Any] = json.loads(answer.read_text())
    if "error" in said:
        raise OpsError(f"{shown(weights)}: {said['error']}. Nothing changed")
    return said["metadata"], said["remarks"]


def main(weights: str, directory: str, answer: str) -> None:
    """Export, and write the answer in one step."""
    from ops.packaging.export import ExportError, export

    remarks: list[str] = []
    said: dict[str, Any]
    try:
        said = {"metadata": export(Path(weights), Path(directory), tell=remarks.append), "remarks": remarks}
    except ExportError as error:
        said = {"error": str(error)}
    partial = Path(f"{answer}.part")
    partial.write_text(json.dumps(said))
    partial.replace(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
