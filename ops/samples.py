"""Sample pictures, copied out of the installed ultralytics package: none is committed."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from ops.errors import OpsError, from_os_error
from ops.paths import SAMPLES

PICTURES = {"street.jpg": "bus.jpg", "people.jpg": "zidane.jpg"}


def lay_down(directory: Path = SAMPLES) -> list[Path]:
    """Copy the sample pictures that are not there yet; return those copied. Raises OpsError."""
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or spec.origin is None:
        raise OpsError("ultralytics is not installed; run: bash scripts/up.sh")
    assets = Path(spec.origin).parent / "assets"
    copied = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, asset in PICTURES.items():
            target = directory / name
            if not target.exists():
                partial = directory / f".{name}.part"
                shutil.copyfile(assets / asset, partial)
                partial.replace(target)
                copied.append(target)
    except OSError as error:
        raise from_os_error(error, "copying the sample pictures") from error
    return copied
