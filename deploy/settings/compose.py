"""The settings in the Compose files, the Caddyfile and the Dockerfiles.

A Compose service gets its settings between two comments of its `environment`; what stands outside of them is written by
hand and not repeated. Everywhere else only the default of a setting is kept up to date: `${NAME:-default}` in Compose,
`{$NAME:default}` in the Caddyfile, `ARG NAME=default` in a Dockerfile.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml

PATTERNS = (
    "docker-compose*.yml",
    "deploy/compose/*.yml",
    "deploy/swarm/stack.yml",
    "deploy/edge/Caddyfile",
    "api-gateway/Dockerfile",
    "serving/torchserve/Dockerfile",
)
BLOCK = re.compile(
    r"^(?P<begin>(?P<indent> *)# Settings of (?P<service>[a-z-]+), written by scripts/settings\.sh:\n)"
    r"(?P<lines>.*?)(?P<end> *# End of the settings\.\n)",
    re.MULTILINE | re.DOTALL,
)
COMPOSE_DEFAULT = re.compile(r"(?<!\$)(\$\{(?P<name>[A-Z0-9_]+):-)[^}]*")
CADDY_DEFAULT = re.compile(r"(\{\$(?P<name>[A-Z0-9_]+):)[^}]*")
ARGUMENT_DEFAULT = re.compile(r"^(ARG (?P<name>[A-Z0-9_]+)=).*$", re.MULTILINE)
#: With batches one worker keeps a GPU busy, so the file for GPUs has defaults of its own. A swarm has two of each.
OTHER_DEFAULTS = {
    "docker-compose.gpu.yml": {"WORKERS", "BATCH_SIZE"},
    "stack.yml": {"GATEWAY_REPLICAS", "TORCHSERVE_REPLICAS"},
}


def files(root: Path) -> list[Path]:
    """Return the files that hold settings."""
    return sorted(path for pattern in PATTERNS for path in root.glob(pattern))


def updated(path: Path, text: str, services: Mapping[str, Collection[str]], defaults: Mapping[str, str]) -> str:
    """Return the text of a file with the settings of its services, and the defaults of all settings.

    `services` holds the names of the settings of each service. Raises ValueError for a service that is not among them.
    """
    if path.suffix == ".yml":
        by_hand = yaml.safe_load(BLOCK.sub(r"\g<begin>\g<end>", text))["services"]

        def block(found: re.Match[str]) -> str:
            service = found["service"]
            if service not in services:
                raise ValueError(f"{path}: deploy/settings has no settings for the service {service}")
            missing = [item for item in services[service] if item not in by_hand[service]["environment"]]
            lines = (f"{found['indent']}{item}: ${{{item}:-{defaults[item]}}}\n" for item in missing)
            return f"{found['begin']}{''.join(lines)}{found['end']}"

        text = BLOCK.sub(block, text)
    kept = OTHER_DEFAULTS.get(path.name, set())

    def default(found: re.Match[str]) -> str:
        known = found["name"] in defaults and found["name"] not in kept
        return f"{found[1]}{defaults[found['name']]}" if known else found[0]

    return _form(path).sub(default, text)


def _form(path: Path) -> re.Pattern[str]:
    if path.suffix == ".yml":
        return COMPOSE_DEFAULT
    return CADDY_DEFAULT if path.name == "Caddyfile" else ARGUMENT_DEFAULT
