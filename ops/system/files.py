"""Files that are replaced in one step: a reader sees the old one or the new one, also after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.errors import OpsError, from_os_error


@contextmanager
def atomic(path: Path, mode: int = 0o644, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary file in the folder of `path`, which replaces `path` when the block ends without an error.

    The file has `mode` from its first byte. With `durable` the new content survives a power cut. After an error the
    temporary file is removed and `path` is untouched. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
    partial = Path(name)
    try:
        os.fchmod(descriptor, mode)
        yield partial
        if durable:
            os.fsync(descriptor)  # not opened again: the block may have given the file to another user
        partial.replace(path)
        if durable:
            sync(path.parent)
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)


@contextmanager
def owned_as(folder: Path) -> Iterator[None]:
    """Give what root made below `folder` in the block to the owner of `folder`, whose containers write there too."""
    try:
        yield
    finally:
        if os.geteuid() == 0 and folder.is_dir():
            owner = folder.stat()
            for path in folder.rglob("*") if owner.st_uid else ():
                if path.lstat().st_uid == 0:
                    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def is_readable_by_others(path: Path) -> bool:
    """Return whether every user of this machine can read the file; False where that cannot be found out."""
    try:
        found = path.resolve(strict=True)
        return bool(found.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in found.parents)
    except OSError:
        return False


def sync(path: Path) -> None:
    """Flush a file to the disk; a folder's entries, such as a rename, if it is a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which is made, until the block ends; wait for others. Raises OSError."""
    with path.open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def write_json(path: Path, document: Any) -> None:
    """Replace a JSON file in one step. Raises OpsError; then the old one is untouched."""
    try:
        with atomic(path) as partial:
            partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, f"writing {path.name}") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None when the file is missing or holds no JSON object.

    Raises OpsError when the file cannot be read: no permission, a failing disk.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise OpsError(
            f"{path} cannot be read: {error.strerror}. Check who owns it (ls -l) and the disk. Nothing changed"
        ) from error
    return document if isinstance(document, dict) else None
