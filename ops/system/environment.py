"""The environment variables that other programs are started with: allow-lists, so that no secret travels."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

#: What any program may need: where it runs, its language, its libraries, its certificates.
SYSTEM = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD"),
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
#: Of the libraries that compute.
LIBRARIES = ("CUDA_*", "OMP_*", "KMP_*", "GOMP_*", "MKL_*", "ONEDNN_*", "OPENBLAS_*", "MALLOC_*")
#: Of the program that loads weights. It needs neither a network nor a key.
PACKAGING = (*SYSTEM, *LIBRARIES, "YOLO_CONFIG_DIR")
#: The settings of a worker.
WORKER_SETTINGS = (
    "ENGINE",
    "FAST_DECODE",
    "LOG_LEVEL",
    "MAX_DECODE_BYTES",
    "MAX_IMAGE_PIXELS",
    "MODEL_CACHE_DIR",
    "PRECISION",
    "THREADS",
    "TRUST_WEIGHTS",
    "WORKERS",
)
#: Of a program that downloads weights.
DOWNLOAD = (*SYSTEM, *PROXIES, "PIP_*", "XDG_*")


def only(names: Collection[str], env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables with these names, or with these prefixes followed by `*`, of `env` or of this process."""
    prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
    given = os.environ if env is None else env
    return {name: value for name, value in given.items() if name in names or name.startswith(prefixes)}
