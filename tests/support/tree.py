"""The project's tree: where it lies, and fresh copies of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


def copy_tree(target: Path, without: tuple[str, ...] = ()) -> Path:
    """Copy what a clone of the present state would hold, and nothing that set-up lays down.

    Folders at the top `without` which a test can do are left out: it is quicker.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(without):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target
