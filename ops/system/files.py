"""Files of the model store that are replaced whole: who looks sees the old one or the new one, also after a crash."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ops.errors import OpsError, from_os_error


def write_json(path: Path, document: Any) -> None:
    """Replace a JSON file in one step. Raises OpsError; then the old one is untouched."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1, ensure_ascii=False)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        partial.chmod(0o644)
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise from_os_error(error, f"writing {path.name}") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None when there is no file, or no object in it.

    Raises OpsError when nobody can know what is in it: no permission, a disk that fails.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise OpsError(
            f"{path} cannot be read: {error.strerror}. Check who owns it (ls -l) and the disk. Nothing changed"
        ) from error
    return document if isinstance(document, dict) else None


def sync_folder(folder: Path) -> None:
    """Let a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
