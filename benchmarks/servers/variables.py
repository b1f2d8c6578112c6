"""The environment variables that every server starts with: the same for all, without any that would favour one."""

from __future__ import annotations

import os

from benchmarks.paths import WORK

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "SSL_CERT_FILE", "LD_LIBRARY_PATH")


def base_variables() -> dict[str, str]:
    """Return a small environment without thread counts or settings of a deployment. Ultralytics stays offline."""
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
        "YOLO_CONFIG_DIR": str(WORK / "ultralytics"),
    }
