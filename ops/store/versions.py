"""Versions of archives: their syntax, and the next one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ops.errors import OpsError

FIRST = "1.0"
# The version is a segment of TorchServe's URL paths and part of a file name.
FORM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
COUNTED = re.compile(r"(\d+)\.(\d+)")


def check(version: str) -> str:
    """Return `version` if it is valid. Raises OpsError."""
    if not FORM.fullmatch(version) or ".." in version:
        raise OpsError(f"{version!r} cannot be a version: use letters, digits, '.', '_', '-', at most 64, e.g. 1.1")
    return version


def following(existing: Iterable[str]) -> str:
    """Return the version after the highest `major.minor` in `existing`, or FIRST. Other names do not count."""
    counted = [(int(match[1]), int(match[2])) for match in map(COUNTED.fullmatch, existing) if match]
    if not counted:
        return FIRST
    major, minor = max(counted)
    return f"{major}.{minor + 1}"
