"""The checksums that the operator expects of the weights."""

from __future__ import annotations

import re
from pathlib import Path

from ops.errors import OpsError
from ops.store.archive import sha256
from ops.system.settings import load
from ops.system.variables import WEIGHTS_SHA256


def require_expected(weights: Path, shown: str) -> None:
    """Compare weights, `shown` to people by that name, with WEIGHTS_SHA256 if it is set. Raises OpsError."""
    expected = load().environment.get(WEIGHTS_SHA256.name, "").replace(",", " ").lower().split()
    if not expected:
        return
    if not all(re.fullmatch("[0-9a-f]{64}", one) for one in expected):
        raise OpsError(
            f"{WEIGHTS_SHA256.name} is not a SHA-256 checksum: 64 hexadecimal digits, as sha256sum prints. Several are "
            "separated by commas"
        )
    found = sha256(weights)
    if found not in expected:
        meant = expected[0] if len(expected) == 1 else f"one of {', '.join(expected)}"
        raise OpsError(
            f"{shown} is not the expected file: its SHA-256 is {found}, and {WEIGHTS_SHA256.name} is {meant}. "
            "It was not loaded. If the new file is meant, change that setting"
        )
