"""The models to serve in addition to `yolo`: the archives `NAME.mar` of the model store whose manifest names NAME.

`yolo-seg.mar` may be the model `yolo-seg` or the version `seg` of `yolo`: the manifest tells. A model that cannot be
served is skipped and reported; the others are served.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import model_names
import model_settings
import routed_versions
from model_settings import ModelSettings

MANIFEST = "MAR-INF/MANIFEST.json"
#: The folder in the model store with the state of these models.
STATE = "models.d"
# The CPUs are shared: most of the time one model infers, and `yolo` has workers for all CPUs.
WORKERS = 1


@dataclass(frozen=True)
class ServedModel:
    """A model as TorchServe loads it."""

    name: str
    #: The default version, which is in `NAME.mar`.
    version: str
    workers: int
    batch_size: int
    #: The file name of every further archive to load, by version.
    routed: Mapping[str, str] = field(default_factory=dict)
    #: The versions that its routing names but that cannot be loaded, with the reason.
    skipped: tuple[str, ...] = ()

    @property
    def archives(self) -> dict[str, str]:
        """The file name of each archive, by version, the default version first."""
        return {self.version: f"{self.name}.mar", **self.routed}


def find(store: Path, settings: Mapping[str, ModelSettings], batch_size: int) -> tuple[list[ServedModel], list[str]]:
    """Return the models of the store other than `yolo`, by name, and those that are skipped, with the reason.

    `batch_size` is that of a model whose settings have none.
    """
    found: list[ServedModel] = []
    skipped: list[str] = []
    for archive in sorted(store.glob("*.mar")):
        name = archive.stem
        if name == model_names.DEFAULT or archive.name.startswith("."):
            continue
        try:
            model, version = read_manifest(archive)
        except routed_versions.UNREADABLE as error:
            if not _may_be_kept(archive):
                skipped.append(f"{name}: {archive.name} cannot be read ({type(error).__name__}); package it again")
            continue
        if model != name:  # a kept version of another model
            continue
        fault = (
            model_names.fault(name)
            or (None if routed_versions.VERSION_PATTERN.fullmatch(version) else f"{version[:70]!r} is not a version")
            or routed_versions.find_fault(archive, version, None)
        )
        if fault:
            skipped.append(f"{name[:70]}: {fault}")
            continue
        routed, unusable = routed_versions.find_archives(store, name, version)
        given = settings.get(name, model_settings.NONE)
        workers, batch = given.workers or WORKERS, given.batch or batch_size
        found.append(ServedModel(name, version, workers, batch, routed, tuple(unusable)))
    return found, skipped


def read_manifest(archive: Path) -> tuple[str, str]:
    """Return the model and the version of an archive.

    The model of an archive that names none is `yolo`, which was the only one. Raises `routed_versions.UNREADABLE`.
    """
    with zipfile.ZipFile(archive) as mar:
        model = json.loads(mar.read(MANIFEST))["model"]
    version = str(model["modelVersion"])
    return str(model.get("modelName", model_names.DEFAULT)), version


def _may_be_kept(archive: Path) -> bool:
    """Tell whether the name of an unreadable file says that it is a kept version: of a model that is there."""
    if (archive.parent / STATE / archive.stem).is_dir():
        return False
    return any((archive.parent / f"{model}.mar").is_file() for model in _prefixes(archive.stem))


def _prefixes(stem: str) -> Iterator[str]:
    """Yield what stands before each hyphen."""
    return (stem[:at] for at, letter in enumerate(stem) if letter == "-")
