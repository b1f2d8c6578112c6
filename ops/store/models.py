"""The models of the model store: which there are, and whose a file is where two of them could have it.

A model is there when `NAME.mar` is an archive of it, or when it has releases: those of a removed model are kept.
"""

from __future__ import annotations

from pathlib import Path

from model_names import fault
from ops.errors import OpsError, UsageError
from ops.paths import MODEL, OTHER_MODELS, STORE, current_archive, folder_of, kept_archive, model_of, shown, store_of
from ops.store import archive, versions


def names(folder: Path = STORE) -> list[str]:
    """Return the models of a model store by name, `yolo` first: it is always one."""
    served = {path.stem for path in folder.glob("*.mar") if _is_name(path.stem) and is_own(path, path.stem)}
    stated = {path.name for path in (folder / OTHER_MODELS).glob("*/") if _is_name(path.name)}
    return [MODEL, *sorted((served | stated) - {MODEL})]


def with_archive(folder: Path = STORE) -> list[str]:
    """Return the models that TorchServe finds when it starts."""
    return [name for name in names(folder) if is_served(name, folder)]


def is_served(model: str, folder: Path = STORE) -> bool:
    """Tell whether TorchServe finds the model when it starts."""
    return is_own(current_archive(store_of(model, folder)), model)


def is_own(path: Path, model: str) -> bool:
    """Tell whether an archive is of the model: `yolo-seg.mar` may be the kept version `seg` of `yolo`."""
    return archive.owner(path) == model


def taken(folder: Path = STORE) -> list[str]:
    """Return the models that are served or have kept versions. A name that was only tried is free."""
    return [name for name in names(folder) if is_served(name, folder) or archive.list_kept(store_of(name, folder))]


def stores(folder: Path = STORE) -> list[Path]:
    """Return the store of each model, in the order in which several locks are taken."""
    return [store_of(name, folder) for name in sorted(names(folder))]


def require_known(model: str, folder: Path = STORE) -> Path:
    """Return the store of a model. Raises UsageError naming what there is when the model store has none of it."""
    if model not in (there := names(folder)):
        raise UsageError(
            f"there is no model {model}; there is: {', '.join(there)}. To add it: bash scripts/models.sh add NEW.pt "
            f"--name {model}. Nothing changed"
        )
    return store_of(model, folder)


def require_own_names(version: str, store: Path) -> None:
    """Raise OpsError when a version of the store's model would need a file that another model has.

    `yolo-seg.mar` is either the kept version `seg` of `yolo`, or what the model `yolo-seg` is served from.
    """
    model, kept = model_of(store), kept_archive(versions.check(version), store)
    if kept.stem in names(folder_of(store)):
        raise OpsError(
            f"version {version} of {model} would be {kept.name}, which is the archive of the model {kept.stem}. "
            "Choose another version. Nothing changed"
        )
    for path in (current_archive(store), kept):
        owner = archive.owner(path)
        if owner not in (None, model):
            aside = path.with_name(f"{path.name}.aside")
            raise OpsError(
                f"{path.name} is a kept version of the model {owner}, and {model} needs a file of that name. Choose "
                f"another name, or give up that version: mv {shown(path)} {shown(aside)}. Nothing changed"
            )


def _is_name(text: str) -> bool:
    return fault(text) is None
