"""What the settings and the command line say about the registry and the keys.

The settings come from the environment; the scripts take them from `.env` too.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass

from ops.registry import cosign, reference, tools
from ops.registry.reference import Registry
from ops.system.variables import COSIGN_KEY, COSIGN_PUBLIC_KEY, REGISTRY

#: cosign reads the password of a private key there.
PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - a name


@dataclass(frozen=True)
class Options:
    """The registry, the key to sign or to verify with ("": none), and whether only to look."""

    registry: Registry
    key: str = ""
    dry_run: bool = False


def for_push(registry: str | None, key: str | None, dry_run: bool) -> Options:
    """Return the options of a push: the key is private. Raises OpsError."""
    found = _read(registry, key, COSIGN_KEY.name, dry_run)
    if found.key and "://" not in found.key and PASSWORD not in os.environ and sys.stdin.isatty():
        os.environ[PASSWORD] = getpass.getpass("Password of the key: ")
    return found


def for_pull(registry: str | None, key: str | None, dry_run: bool) -> Options:
    """Return the options of a pull: the key is public. Raises OpsError."""
    return _read(registry, key, COSIGN_PUBLIC_KEY.name, dry_run)


def _read(registry: str | None, key: str | None, setting: str, dry_run: bool) -> Options:
    found = reference.parse((registry or os.environ.get(REGISTRY.name, "")).strip())
    key = key or os.environ.get(setting, "").strip()
    if key:
        key = cosign.check_key(key, setting)
    tools.require("oras", *(["cosign"] if key else []))
    return Options(found, key, dry_run)
