"""The environment variables of the native services: those that the same services get in Compose, and the system's.

TorchServe drops those of the gateway when it starts (`serving/torchserve/environment.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import yaml

from ops.paths import ROOT
from ops.system.environment import LIBRARIES, PROXIES, SYSTEM, only

#: What is chosen natively only. Addresses of a container's own are in the Compose files too.
NATIVE = (
    *("JAVA_HOME", "MODEL_STORE", "MODEL_CACHE_DIR", "TORCHSERVE_RUN_DIR"),
    *("GRPC_INFERENCE_PORT", "GRPC_MANAGEMENT_PORT"),
)
SERVICES = ("torchserve", "api-gateway")


def only_of_services(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the services may have."""
    return only((*SYSTEM, *LIBRARIES, *PROXIES, *NATIVE, *_in_compose()), env)


@cache
def _in_compose() -> frozenset[str]:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return frozenset(name for service in SERVICES for name in services[service]["environment"])
