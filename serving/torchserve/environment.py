"""The environment variables of the model server and its workers: an allow-list.

Weights are code that a worker may run, and the server needs none of the caller's secrets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from server_settings import Placement, ServerSettings
from yolo.settings import Settings

#: Beside the declared settings: the system's, Python's and Java's, and those of the libraries that infer.
NAMES = frozenset(
    [
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD"),
        *("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "JAVA_HOME", "YOLO_CONFIG_DIR"),
    ]
)
PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "OMP_", "KMP_", "GOMP_", "MKL_", "ONEDNN_", "OPENBLAS_", "MALLOC_")
DECLARED = frozenset(
    field.name.upper() for kind in (Placement, ServerSettings, Settings) for field in dataclasses.fields(kind)
)


def is_allowed(name: str) -> bool:
    """Tell whether the model server may have a variable."""
    return name in NAMES or name in DECLARED or name.startswith(PREFIXES)


def allowed(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the model server may have."""
    return {name: value for name, value in env.items() if is_allowed(name)}
