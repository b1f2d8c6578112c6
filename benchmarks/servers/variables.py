"""The environment variables that every server starts from: the same for all, and none that would tilt the race."""

from __future__ import annotations

import os

from benchmarks.paths import WORK

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "SSL_CERT_FILE", "LD_LIBRARY_PATH")


def clean() -> dict[str, str]:
    """Return a small environment: no thread counts, no settings of a deployment, ultralytics kept off the network."""
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
        "YOLO_CONFIG_DIR": str(WORK / "ultralytics"),
    }
