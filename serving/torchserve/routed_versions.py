"""The other versions to serve: those that a model's routing names, so that a canary survives a restart of the server.

A version that cannot be loaded is skipped and reported; the gateway then sends its share to the default version. No
error here prevents the start: only `yolo.mar` is required.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import model_names

# A version is one plain segment of a file name and of a URL path; packaging accepts no other.
VERSION_PATTERN = re.compile(r"(?!.*\.\.)[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
# Each version takes the memory of a model and of its workers; the release commands never route to this many.
MAX_VERSIONS = 16
# What reading a damaged, encrypted or foreign archive and its manifest raises.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, KeyError, TypeError, ValueError)


def find_archives(store: Path, model: str, current: str) -> tuple[dict[str, str], list[str]]:
    """Return the archives to load in addition to `current`.

    The first value maps each version to its file name in the store; the second lists what is skipped, with the reason.
    """
    is_default = model == model_names.DEFAULT
    routing, problem = _read_routing(store / "routing" / routing_file(model))
    checksums = _read_checksums(store if is_default else store / "models.d" / model)
    found: dict[str, str] = {}
    skipped = [problem] if problem else []
    for version in dict.fromkeys(_named_versions(routing)):
        if version == current:
            continue
        if not VERSION_PATTERN.fullmatch(version):
            skipped.append(f"{version[:70]!r} is not a valid version")
        elif len(found) >= MAX_VERSIONS:
            skipped.append(f"version {version}: more than {MAX_VERSIONS} versions")
        elif fault := find_fault(store / f"{model}-{version}.mar", version, checksums.get(version)):
            skipped.append(f"version {version}: {fault}")
        else:
            found[version] = f"{model}-{version}.mar"
    return found, skipped


def is_split(store: Path, model: str) -> bool:
    """Tell whether a canary, a shadow or an experiment of the model is going on."""
    routing, _ = _read_routing(store / "routing" / routing_file(model))
    return any(True for _ in _named_versions(routing))


def routing_file(model: str) -> str:
    """Return the name of the file with a model's routing."""
    return "routing.json" if model == model_names.DEFAULT else f"{model}.json"


def find_fault(archive: Path, version: str, sha256: str | None) -> str | None:
    """Return why an archive cannot be loaded as `version`, or None when it can. Reads the whole file."""
    try:
        if sha256 is not None:
            with archive.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                    return f"{archive.name} is not the packaged file (its sha256 differs from releases.json)"
        with zipfile.ZipFile(archive) as mar:
            if (damaged := mar.testzip()) is not None:
                return f"{archive.name} is damaged ({damaged})"
            packaged = str(json.loads(mar.read("MAR-INF/MANIFEST.json"))["model"]["modelVersion"])
    except FileNotFoundError:
        return f"{archive.name} does not exist"
    except UNREADABLE as error:
        return f"{archive.name} cannot be read ({type(error).__name__})"
    return None if packaged == version else f"{archive.name} holds version {packaged}"


def _named_versions(routing: Mapping[str, Any]) -> Iterator[str]:
    """Yield the versions of the canary, the shadow and the experiment; malformed entries are ignored."""
    for role in ("canary", "shadow"):
        entry = routing.get(role)
        if isinstance(entry, dict) and isinstance(entry.get("version"), str):
            yield entry["version"]
    experiment = routing.get("experiment")
    if isinstance(experiment, dict) and isinstance(experiment.get("shares"), dict):
        yield from experiment["shares"]


def _read_routing(path: Path) -> tuple[dict[str, Any], str | None]:
    try:
        routing = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError) as error:
        return {}, f"{path.name} cannot be read ({type(error).__name__})"
    if not isinstance(routing, dict) or routing.get("schema") != 1:
        return {}, f"{path.name} has an unknown schema"
    return routing, None


def _read_checksums(state: Path) -> dict[str, str]:
    """Return the sha256 of each version in releases.json; empty when the file cannot be read."""
    try:
        releases = json.loads((state / "releases.json").read_bytes())["releases"]
        return {version: str(entry["sha256"]) for version, entry in releases.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
