"""The paths that several modules use."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from model_names import DEFAULT

ROOT = Path(__file__).resolve().parent.parent
MODEL = DEFAULT
#: The folder in the model store with the state of the other models, a folder for each.
OTHER_MODELS = "models.d"

VENV = ROOT / ".venv"
RUN = ROOT / ".run"
LOGS = RUN / "logs"

SERVING = ROOT / "serving" / "torchserve"
GATEWAY = ROOT / "api-gateway"
#: The folder of the modules that the gateway and the model server both use.
COMMON = ROOT / "common"
STORE = ROOT / (os.environ.get("MODEL_STORE") or SERVING / "model-store")
WEIGHTS = ROOT / "models" / "weights" / "best.pt"
#: Settings for each model, optional: `model_settings.read`.
MODELS_FILE = ROOT / "models" / "models.toml"
SAMPLES = ROOT / "samples"
SECRETS = ROOT / "secrets"
API_KEYS = SECRETS / "api_keys.jsonl"
STREET = SAMPLES / "street.jpg"

# Suffixes of the pictures that are read from a folder. A file that is named on the command line may have any suffix.
PICTURE_SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"),
        *(".heic", ".heif", ".hif", ".jp2", ".ppm", ".pgm", ".pnm"),
    ]
)


def store_of(model: str, folder: Path = STORE) -> Path:
    """Return the store of a model: the folder with the state of its releases.

    `folder` is the model store, which has the archives of all models. It is the store of `yolo` as well, since there
    was no other model at first.
    """
    return folder if model == MODEL else folder / OTHER_MODELS / model


def model_of(store: Path) -> str:
    """Return the model that a store is of."""
    return store.name if store.parent.name == OTHER_MODELS else MODEL


def folder_of(store: Path) -> Path:
    """Return the folder with the archives: TorchServe reads a single one, whichever the model."""
    return store.parent.parent if store.parent.name == OTHER_MODELS else store


def current_archive(store: Path = STORE) -> Path:
    """Return the archive of the store's model that TorchServe loads."""
    return folder_of(store) / f"{model_of(store)}.mar"


def kept_archive(version: str, store: Path = STORE) -> Path:
    """Return the archive kept for one version of the store's model."""
    return folder_of(store) / f"{model_of(store)}-{version}.mar"


def script(line: str, store: Path) -> str:
    """Return a command for people, such as `rollback.sh 1.0`, that acts on the model of a store."""
    model = model_of(store)
    return f"bash scripts/{line}" + ("" if model == MODEL else f" --model {model}")


def shown(path: Path) -> str:
    """Return a path relative to the checkout, so that it is the same in a container."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def socket_dir() -> Path:
    """Return the private directory for sockets and TorchServe's unpacked archives.

    Not under the checkout: the path of a Unix socket has at most 107 bytes, and a checkout may lie deep.
    """
    digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"yolo-serving-{os.getuid()}-{digest}"
