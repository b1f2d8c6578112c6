"""The baselines of versions: what each found at first, next to the routing, where every gateway reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import detection_profile
from detection_profile import Profile
from ops.errors import from_os_error
from ops.paths import folder_of, model_of
from ops.store import routing, versions
from ops.system.files import read_json, write_json

FOLDER = "baselines"


def path(store: Path, version: str) -> Path:
    """Return the path of the file of a version. Raises OpsError for text that is no version."""
    return _folder(store) / f"{versions.check(version)}.json"


def read(store: Path, version: str) -> Profile | None:
    """Return the stored baseline, None without one or if it is damaged. Raises OpsError if it cannot be read."""
    try:
        return detection_profile.parse(read_json(path(store, version)))
    except ValueError:
        return None


def write(store: Path, version: str, profile: Profile) -> None:
    """Store a baseline in place of the one before. Raises OpsError."""
    try:
        path(store, version).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, "storing the baseline") from error
    write_json(path(store, version), profile.to_json())


def remove(store: Path, version: str) -> bool:
    """Remove the baseline of a version. Returns whether there was one. Raises OpsError."""
    try:
        path(store, version).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise from_os_error(error, "removing the baseline") from error
    return True


def remove_all(store: Path) -> None:
    """Remove the baselines of all versions of the store's model, whose versions may begin again at 1.0."""
    shutil.rmtree(_folder(store), ignore_errors=True)


def _folder(store: Path) -> Path:
    return folder_of(store) / routing.FOLDER / FOLDER / model_of(store)
