"""A released archive as an OCI artifact: its layers, its annotations, and what a manifest must have to be one."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import NoSuchVersionError
from ops.store.archive import METADATA, Archive

ARTIFACT = "application/vnd.yolo-serving.release.v1"
ARCHIVE = "application/vnd.yolo-serving.archive.v1+zip"
DESCRIPTION = "application/vnd.yolo-serving.metadata.v1+json"
CHECKSUM = "application/vnd.yolo-serving.checksum.v1+txt"
BASELINE = "application/vnd.yolo-serving.baseline.v1+json"
BASELINE_FILE = "baseline.json"
_OCI, _OWN = "org.opencontainers.image", "yolo-serving"


@dataclass(frozen=True)
class Layer:
    """A file of a release. Size in bytes."""

    kind: str
    digest: str
    size: int


@dataclass(frozen=True)
class Release:
    """What a manifest says of a release."""

    model: str
    version: str
    archive: Layer
    baseline: Layer | None


def write_files(folder: Path, found: Archive, sha256: str, baseline: Path) -> list[tuple[str, str]]:
    """Lay the files of a release into an empty folder. Returns pairs of name and media type. Raises OSError."""
    archive = folder / found.path.name
    archive.symlink_to(found.path.absolute())
    (folder / METADATA).write_bytes(_metadata(found.path))
    checksum = folder / f"{archive.name}.sha256"
    checksum.write_text(f"{sha256}  {archive.name}\n", encoding="utf-8")
    files = [(archive.name, ARCHIVE), (METADATA, DESCRIPTION), (checksum.name, CHECKSUM)]
    if baseline.is_file():
        (folder / BASELINE_FILE).write_bytes(baseline.read_bytes())
        files.append((BASELINE_FILE, BASELINE))
    return files


def _metadata(path: Path) -> bytes:
    with zipfile.ZipFile(path) as mar:
        return mar.read(METADATA)


def describe(found: Archive, sha256: str) -> dict[str, str]:
    """Return what the manifest says about an archive. All of it is in the archive: the digest stays the same."""
    names = json.loads(_metadata(found.path)).get("names") or {}
    classes = [str(names[key]) for key in sorted(names, key=int)]
    said = {
        f"{_OCI}.title": f"{found.model} {found.version}",
        f"{_OCI}.version": found.version,
        f"{_OCI}.created": found.created or "1970-01-01T00:00:00Z",
        f"{_OCI}.description": found.note,
        f"{_OWN}.model": found.model,
        f"{_OWN}.task": found.task,
        f"{_OWN}.classes": ", ".join(classes),
        f"{_OWN}.archive.sha256": sha256,
        f"{_OWN}.weights.sha256": found.source_sha256,
    }
    return {key: value for key, value in said.items() if value}


def parse(manifest: Mapping[str, Any], at: str) -> Release:
    """Return the release that a manifest describes. Raises NoSuchVersionError if it is of something else."""
    try:
        kind = manifest.get("artifactType") or manifest["config"]["mediaType"]
        said = manifest["annotations"]
        layers = [Layer(one["mediaType"], one["digest"], int(one["size"])) for one in manifest["layers"]]
        (archive,) = (layer for layer in layers if layer.kind == ARCHIVE)
        if kind != ARTIFACT:
            raise ValueError(f"its type is {kind}")
        baseline = next((layer for layer in layers if layer.kind == BASELINE), None)
        return Release(said[f"{_OWN}.model"], said[f"{_OCI}.version"], archive, baseline)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoSuchVersionError(
            f"{at} is not an archive that releases.sh push released ({type(error).__name__}: {error}). Nothing changed"
        ) from error
