"""Archives and weights that tests make by hand, and what a release operation must not leave in a model store."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from ops.store import lock
from ops.traffic import autopilot

# A kept version that finds only what it is sure of shows in each answer that it was the one which made it.
SURE = 0.5


def left_over(folder: Path) -> set[str]:
    """Return the hidden files of a store but the two that locks are taken on."""
    return {path.name for path in folder.glob(".*")} - {lock.GUARD, autopilot.GUARD}


def names(archive: Path) -> set[str]:
    """Return the classes that an archive's model knows."""
    with zipfile.ZipFile(archive) as mar:
        return set(json.loads(mar.read("yolo.json"))["names"].values())


def varied(
    source: Path,
    target: Path,
    version: str,
    *,
    handler: str | None = None,
    conf: float | None = None,
    prefix: str = "",
    cut: bool = False,
) -> Path:
    """Copy an archive as another version: with another handler or least confidence, renamed classes, or cut short.

    The same change makes the same bytes, so that a version that was recorded may be written again.
    """
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as mar:
        for name in whole.namelist():
            data = whole.read(name)
            if name == "yolo.json":
                metadata = json.loads(data) | {"version": version}
                if conf is not None:
                    metadata["thresholds"]["conf"] = conf
                metadata["names"] = {key: prefix + name for key, name in metadata["names"].items()}
                data = json.dumps(metadata).encode()
            elif name == "MAR-INF/MANIFEST.json":
                manifest = json.loads(data)
                manifest["model"]["modelVersion"] = version
                data = json.dumps(manifest).encode()
            elif name == "yolo_handler.py" and handler:
                data = handler.encode()
            mar.writestr(whole.getinfo(name), data)
    if cut:
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    target.chmod(0o644)
    return target


_RENAME = """
import sys, torch
found = torch.load(sys.argv[1], map_location="cpu", weights_only=False)
for model in (found["model"], found.get("ema")):
    if model is not None:
        model.names = {key: "new " + name for key, name in model.names.items()}
torch.save(found, sys.argv[2])
"""


def renamed(source: Path, target: Path) -> Path:
    """Copy weights with other names of the same classes: what they find is found alike, and no name is in both."""
    # In a process of its own: loading them brings in ultralytics, which sets thread counts.
    done = subprocess.run([sys.executable, "-c", _RENAME, source, target], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    target.chmod(0o644)
    return target
