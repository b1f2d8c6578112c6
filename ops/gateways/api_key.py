"""The API key that operations send to the gateway."""

from __future__ import annotations

import os
from pathlib import Path

from ops.errors import OpsError
from ops.system.files import is_readable_by_others
from ops.terminal.console import say_to_stderr

HELP = "Here the key comes from YOLO_API_KEY_FILE (a file) or YOLO_API_KEY; bash scripts/keys.sh add NAME makes one."


def warn_if_open(path: Path) -> None:
    """Print a warning if every user of this machine can read a file that holds a secret."""
    if is_readable_by_others(path):
        say_to_stderr(f"warning: every user of this machine can read {path}. Fix it: chmod 600 {path}")


def headers(named: Path | None = None) -> dict[str, str]:
    """Return the header with the API key, empty without a key. `named` is a file that overrides the environment.

    Raises OpsError.
    """
    if file := str(named or os.environ.get("YOLO_API_KEY_FILE", "")):
        try:
            key = Path(file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            by = "--api-key-file " if named else "YOLO_API_KEY_FILE="
            raise OpsError(f"{by}{file}: {getattr(error, 'strerror', None) or 'it is not a key'}") from error
        warn_if_open(Path(file))
    else:
        key = os.environ.get("YOLO_API_KEY", "").strip()
    return {"X-API-Key": key} if key else {}
