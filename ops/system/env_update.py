"""Set values in `.env`. Standard library only: images are pulled where nothing is installed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.system.files import atomic


def update(path: Path, values: Mapping[str, str]) -> None:
    """Set values in the file, in place of the lines that set them, else at its end; all other lines stay.

    Its mode and owner stay too. Raises OpsError.
    """
    lines = {name: f"{name}={value}" for name, value in values.items()}
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        owner = (path if path.is_file() else path.parent).stat()
        mode = owner.st_mode & 0o777 if path.is_file() else 0o644
        for name, line in lines.items():
            present = re.compile(rf"^[^\S\n]*(?:export[^\S\n]+)?{re.escape(name)}[^\S\n]*=.*$", re.MULTILINE)
            if present.search(text):
                text = present.sub(lambda _, line=line: line, text)  # type: ignore[misc]
            else:
                text += ("" if not text or text.endswith("\n") else "\n") + f"{line}\n"
        with atomic(path.resolve(), mode) as partial:
            partial.write_text(text, encoding="utf-8")
            if os.geteuid() == 0:
                os.chown(partial, owner.st_uid, owner.st_gid)
    except (OSError, UnicodeDecodeError) as error:
        raise OpsError(f"{path.name} cannot be changed: {error}. Set in it: {' '.join(lines.values())}") from error
