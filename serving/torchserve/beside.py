"""Versions that are served beside `yolo.mar`: those that `routing.json` names, so that a canary survives a restart.

What cannot be loaded is left out and said; the gateway then asks the default version instead. Nothing in here stops
the server from starting: `yolo.mar` is what must be served, the rest is what was going on.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# One plain segment in a file name and in a URL path; ops refuses to package others.
FORM = re.compile(r"(?!.*\.\.)[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
# Each takes the memory of a model and its workers; a routing with more is not one of ours.
MOST = 16


def archives(store: Path, model: str, current: str) -> tuple[dict[str, str], list[str]]:
    """Return the archives to load beside the current version, file name by version, and what is left out and why."""
    document, problem = _read(store / "routing" / "routing.json")
    recorded = _recorded(store)
    found: dict[str, str] = {}
    left_out = [problem] if problem else []
    for version in dict.fromkeys(_named(document)):
        if version == current:
            continue
        if not FORM.fullmatch(version):
            left_out.append(f"{version[:70]!r} cannot be a version")
        elif len(found) >= MOST:
            left_out.append(f"version {version}: more than {MOST} versions")
        elif why := broken(store / f"{model}-{version}.mar", version, recorded.get(version)):
            left_out.append(f"version {version}: {why}")
        else:
            found[version] = f"{model}-{version}.mar"
    return found, left_out


def broken(archive: Path, version: str, sha256: str | None) -> str | None:
    """Say why an archive is not the version that it should be; None when it is. Reads all of it."""
    try:
        if sha256 is not None:
            with archive.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                    return f"{archive.name} is not what was packaged (another sha256 than releases.json has)"
        with zipfile.ZipFile(archive) as mar:
            if (damaged := mar.testzip()) is not None:
                return f"{archive.name} is damaged ({damaged})"
            inside = str(json.loads(mar.read("MAR-INF/MANIFEST.json"))["model"]["modelVersion"])
    except FileNotFoundError:
        return f"there is no {archive.name}"
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        return f"{archive.name} cannot be read ({type(error).__name__})"
    return None if inside == version else f"{archive.name} holds version {inside}"


def _named(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the versions of canary, experiment and shadow; parts of another shape name none."""
    for part in ("canary", "shadow"):
        entry = document.get(part)
        if isinstance(entry, dict) and isinstance(entry.get("version"), str):
            yield entry["version"]
    experiment = document.get("experiment")
    if isinstance(experiment, dict) and isinstance(experiment.get("shares"), dict):
        yield from experiment["shares"]


def _read(path: Path) -> tuple[dict[str, Any], str | None]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError) as error:
        return {}, f"{path.name} cannot be read ({type(error).__name__})"
    if not isinstance(document, dict) or document.get("schema") != 1:
        return {}, f"{path.name} is none of ours"
    return document, None


def _recorded(store: Path) -> dict[str, str]:
    """Return the checksums of releases.json by version; none where it cannot be read."""
    try:
        releases = json.loads((store / "releases.json").read_bytes())["releases"]
        return {version: str(entry["sha256"]) for version, entry in releases.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
