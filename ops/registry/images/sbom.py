"""The software bill of materials of an image, in SPDX, made by syft."""

from __future__ import annotations

from pathlib import Path

from ops.registry import tools

KIND = "application/spdx+json"


def write(image: str, name: str, folder: Path) -> Path:
    """List what is installed in an image of the engine. Returns the file. Raises OpsError."""
    target = folder / f"{name}.spdx.json"
    tools.run(
        "syft", "scan", "--quiet", "--output", f"spdx-json={target}", f"docker:{image}",
        doing=f"listing what is in {name}", variables={"SYFT_CHECK_FOR_APP_UPDATE": "false"},
    )  # fmt: skip
    return target
