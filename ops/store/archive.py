"""The archive of a model, such as `yolo.mar`: describe it, check it, put it into the store.

An archive is a zip: the handler and its modules, the weights, the exported engine, the requirements,
`yolo.json` (what the archive is) and TorchServe's own `MAR-INF/MANIFEST.json`.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OpsError, from_os_error
from ops.paths import MODEL, STORE, current_archive, folder_of, kept_archive, model_of
from ops.system.files import atomic, sync

HANDLER = "yolo_handler.py"
WEIGHTS = "best.pt"
METADATA = "yolo.json"
REQUIREMENTS = "requirements.txt"
MANIFEST = "MAR-INF/MANIFEST.json"


@dataclass(frozen=True)
class Archive:
    """An archive on disk, as described in its `yolo.json`. `created` is an ISO time, or empty."""

    path: Path
    model: str
    version: str
    task: str
    source_sha256: str
    created: str
    note: str


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe(path: Path) -> Archive:
    """Read the description of an archive. Raises OpsError when it cannot be read or is not one of this project."""
    try:
        with zipfile.ZipFile(path) as mar:
            metadata: dict[str, Any] = json.loads(mar.read(METADATA))
            model = _named(mar)
        return Archive(
            path,
            model,
            str(metadata["version"]),
            str(metadata["task"]),
            str(metadata["source"]["sha256"]),
            str(metadata.get("created") or ""),
            str(metadata.get("note") or ""),
        )
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise OpsError(
            f"{path.name} is not a readable archive of this project ({type(error).__name__}: {error}). "
            "Package again: bash scripts/package_mar.sh"
        ) from error


def owner(path: Path) -> str | None:
    """Return the model that an archive is of, None when it cannot be read."""
    try:
        with zipfile.ZipFile(path) as mar:
            return _named(mar)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError):
        return None


def _named(mar: zipfile.ZipFile) -> str:
    """Return the model that an archive names; `yolo` where it names none, since that was the only one."""
    if MANIFEST not in mar.namelist():
        return MODEL
    return str(json.loads(mar.read(MANIFEST))["model"]["modelName"])


def kept_files(store: Path = STORE) -> list[Path]:
    """Return the files that may be kept versions of the store's model, oldest first.

    `yolo-seg.mar` may be version `seg` of `yolo`, or the model `yolo-seg`: what is inside tells.
    """
    found = folder_of(store).glob(f"{model_of(store)}-*.mar")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def list_kept(store: Path = STORE) -> list[Archive]:
    """Return the kept versions of the store's model, oldest first, without unreadable files."""
    archives = []
    for path in kept_files(store):
        try:
            found = describe(path)
        except OpsError:
            continue
        if found.model == model_of(store):
            archives.append(found)
    return archives


def verify_new(path: Path, version: str, source_sha256: str, model: str = MODEL) -> Archive:
    """Verify the content of a new archive: all that serving relies on. Raises OpsError that says what is wrong."""

    def wrong(what: str) -> OpsError:
        return OpsError(f"the archive did not pass its check: {what}. The served archive was not touched")

    try:
        with zipfile.ZipFile(path) as mar:
            damaged = mar.testzip()
            if damaged:
                raise wrong(f"{damaged} is damaged")
            names = set(mar.namelist())
            metadata = json.loads(mar.read(METADATA))
            wanted = {
                HANDLER,
                "yolo/__init__.py",
                "image_formats/__init__.py",
                WEIGHTS,
                REQUIREMENTS,
                METADATA,
                MANIFEST,
                *metadata["engines"].values(),
            }
            missing = sorted(wanted - names)
            if missing:
                raise wrong(f"{', '.join(missing)} is missing")
            manifest = json.loads(mar.read(MANIFEST))["model"]
            expected = {"modelName": model, "modelVersion": version, "handler": HANDLER, "serializedFile": WEIGHTS}
            for key, value in expected.items():
                if manifest.get(key) != value:
                    raise wrong(f"the manifest's {key} is {manifest.get(key)!r}, not {value!r}")
            classes = [node for node in ast.parse(mar.read(HANDLER)).body if isinstance(node, ast.ClassDef)]
            if len(classes) != 1:
                raise wrong(f"{HANDLER} defines {len(classes)} classes; TorchServe requires exactly one")
            if hashlib.sha256(mar.read(WEIGHTS)).hexdigest() != source_sha256:
                raise wrong("the weights inside are not the given ones")
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, SyntaxError) as error:
        raise wrong(f"{type(error).__name__}: {error}") from error
    archive = describe(path)
    if archive.version != version or archive.source_sha256 != source_sha256:
        raise wrong(f"{METADATA} names other weights or another version")
    return archive


def add(built: Path, version: str, store: Path) -> Path:
    """Add a verified archive to the kept ones, in one step. Raises FileExistsError when the version exists."""
    built.chmod(0o644)  # the server runs as another user
    target = kept_archive(version, store)
    try:
        os.link(built, target)  # unlike a rename, this fails if a concurrent run has taken the name
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(target) from None
        built.rename(target)
    return target


def copy(source: Path, target: Path) -> Path:
    """Copy an archive in one step: a reader sees no file or a whole one. Raises OpsError."""
    try:
        with atomic(target) as partial:
            shutil.copyfile(source, partial)
    except OSError as error:
        raise from_os_error(error, f"writing {target.name}") from error
    return target


def stage(source: Path, target: Path) -> Path:
    """Copy an archive to the folder of `target`, so that a rename to it needs no space. Raises OpsError."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, partial)
        partial.chmod(0o644)
        sync(partial)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise from_os_error(error, f"writing {target.name}") from error
    return partial


def make_current(archive: Path, store: Path) -> Path:
    """Make a kept archive the one that TorchServe loads, in one step: a reader sees the old one or the new one.

    It is a copy, since `cp yolo-1.1.mar yolo.mar` by hand writes into yolo.mar and would change a linked kept archive.
    """
    return copy(archive, current_archive(store))
