"""The baselines that are stored with the releases: a file for each version, next to the routing."""

import json
import logging
import os
import re
from pathlib import Path

from detection_profile import Profile, parse

logger = logging.getLogger("gateway.drift")

FOLDER = "baselines"
#: A profile of a thousand classes; what is larger is some other file.
LARGEST_BYTES = 262_144
#: Both names become parts of a path. The model server chooses them, not a client.
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")

_Signature = tuple[int, int, int]


class BaselineFile:
    """The file of one version. ``folder`` None: there is no place where it could be."""

    def __init__(self, folder: Path | None, model: str, version: str) -> None:
        usable = folder is not None and _NAME.fullmatch(model) and _NAME.fullmatch(version)
        self._path = folder / FOLDER / model / f"{version}.json" if folder is not None and usable else None
        self._signature: _Signature | None = None
        self._profile: Profile | None = None

    def read(self) -> Profile | None:
        """Return its profile, None without a file. One that is invalid leaves the last good one; never raises."""
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                signature = (found.st_mtime_ns, found.st_size, found.st_ino)
                if signature == self._signature:
                    return self._profile
                content = stream.read(LARGEST_BYTES + 1)
        except OSError:
            self._signature, self._profile = None, None
            return None
        self._signature = signature
        try:
            if len(content) > LARGEST_BYTES:
                raise ValueError(f"it has more than {LARGEST_BYTES} bytes")
            self._profile = parse(json.loads(content))
        except (ValueError, RecursionError) as error:
            logger.warning("a baseline cannot be used", extra={"file": self._path.name, "problem": str(error)[:200]})
        return self._profile
