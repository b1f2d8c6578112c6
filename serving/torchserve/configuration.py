"""TorchServe's configuration, computed from the environment and from the archives in the model store."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import model_memory
import model_names
import model_settings
import routed_versions
import served_models
from guard import Port
from model_memory import Need
from model_settings import ModelSettings, ModelSettingsError
from served_models import ServedModel
from server_settings import Placement, ServerSettings
from yolo import settings, variables
from yolo.errors import ArchiveError

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
MODEL = model_names.DEFAULT
# A multipart upload wraps the image in a few hundred bytes: the largest allowed image must still fit.
MULTIPART_OVERHEAD = 64 * 1024
# The path of a Unix socket has at most 107 bytes.
LONGEST_RUN_DIR = 107 - len("/management.sock")


class ConfigurationError(Exception):
    """A mistake that the operator has to fix; the message says what is wrong and how to fix it."""


@dataclass(frozen=True)
class Configuration:
    """The values that TorchServe is started with."""

    placement: Placement
    server: ServerSettings
    model_store: Path
    run_dir: Path
    version: str
    workers: int
    threads: int
    #: The file name of every further archive to load, by version.
    routed: Mapping[str, str] = field(default_factory=dict)
    #: The versions that routing.json names but that cannot be loaded, with the reason.
    skipped: tuple[str, ...] = ()
    #: The models other than `yolo`.
    others: tuple[ServedModel, ...] = ()
    #: The models that are in the store but cannot be served, with the reason.
    skipped_models: tuple[str, ...] = ()
    #: The content of models.toml, by model, and what is to be said about it.
    settings: Mapping[str, ModelSettings] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """All models, `yolo` first."""
        batch = self.settings.get(MODEL, model_settings.NONE).batch or self.server.batch_size
        return (ServedModel(MODEL, self.version, self.workers, batch, self.routed, self.skipped), *self.others)

    def ports(self) -> dict[str, Port]:
        """Return the port of each API, by its name in TorchServe's configuration."""
        placement = self.placement
        numbers = {
            "inference": placement.inference_port,
            "management": placement.management_port,
            "metrics": placement.metrics_port,
        }
        return {
            api: Port(placement.torchserve_host, number, self.run_dir / f"{api}.sock")
            for api, number in numbers.items()
        }


def read(env: Mapping[str, str]) -> Configuration:
    """Read and check the environment. Raises ConfigurationError."""
    placement = read_placement(env)
    store = Path(placement.model_store or HERE / "model-store").resolve()
    if not store.is_dir():
        raise ConfigurationError(f"the model store {store} does not exist; create it or set MODEL_STORE")
    server = _read(ServerSettings, env)
    given, notes = read_model_settings(placement)
    # The workers read these again; a mistake is reported before Java runs.
    workers = _read(settings.Settings, env)
    plan = replace(workers, workers=given.get(MODEL, model_settings.NONE).workers or workers.workers).plan
    version = read_version(store / f"{MODEL}.mar")
    routed, skipped = routed_versions.find_archives(store, MODEL, version)
    others, skipped_models = served_models.find(store, given, server.batch_size)
    notes += model_settings.unknown(given, [MODEL, *(model.name for model in others)])
    run_dir = Path(placement.torchserve_run_dir or Path(tempfile.gettempdir()) / "torchserve").resolve()
    if len(os.fsencode(run_dir)) > LONGEST_RUN_DIR:
        raise ConfigurationError(
            f"the path {run_dir} is too long for a socket; set TORCHSERVE_RUN_DIR to a shorter one"
        )
    yolo = ServedModel(MODEL, version, plan.workers, server.batch_size, routed)
    fitting, too_large = select_fitting(store, yolo, others, workers.max_decode_bytes)
    return Configuration(
        placement=placement,
        server=server,
        model_store=store,
        run_dir=run_dir,
        version=version,
        workers=plan.workers,
        threads=plan.threads,
        routed=routed,
        skipped=tuple(skipped),
        others=tuple(fitting),
        skipped_models=(*skipped_models, *too_large),
        settings=given,
        notes=tuple(notes),
    )


def read_model_settings(placement: Placement) -> tuple[dict[str, ModelSettings], list[str]]:
    """Return the content of models.toml, by model, and notes about it. Raises ConfigurationError."""
    path = Path(placement.models_file or HERE.parent.parent / "models" / model_settings.FILE)
    if path.parent.is_dir() and not os.access(path.parent, os.X_OK):
        # Whoever never wrote the file has no reason to open the folder of the weights to this user.
        return {}, [
            f"{path.parent} cannot be entered, so there are no settings for each model. Fix: chmod a+x {path.parent}"
        ]
    try:
        return model_settings.read(path), []
    except ModelSettingsError as error:
        raise ConfigurationError(str(error)) from error


def select_fitting(
    store: Path, yolo: ServedModel, others: Sequence[ServedModel], decode_bytes: int
) -> tuple[list[ServedModel], list[str]]:
    """Return the models that fit into memory next to `yolo`, in order, and those that do not, with the reason."""
    limit = model_memory.limit()
    used = model_memory.of_server(decode_bytes, yolo.workers) + _need(store, yolo).bytes
    fitting, skipped = [], []
    for model in others:
        need = _need(store, model)
        if why := model_memory.refusal(need, used, limit):
            skipped.append(f"{model.name}: {why}")
        else:
            fitting.append(model)
            used += need.bytes
    return fitting, skipped


def _need(store: Path, model: ServedModel) -> Need:
    return Need(tuple((store / name).stat().st_size for name in model.archives.values()), model.workers)


def read_placement(env: Mapping[str, str]) -> Placement:
    """Read the addresses and folders. Raises ConfigurationError."""
    return _read(Placement, env)


def _read(declared: type[T], env: Mapping[str, str]) -> T:
    try:
        return variables.read(declared, env)
    except ArchiveError as error:
        raise ConfigurationError(str(error)) from error


def read_version(archive: Path) -> str:
    """Return the version in the archive's manifest. Raises ConfigurationError when the archive cannot be read."""
    if not archive.is_file():
        raise ConfigurationError(
            f"the model store ({archive.parent}) has no {archive.name}. Make it with: "
            "bash scripts/package_mar_docker.sh (or bash scripts/package_mar.sh without Docker)"
        )
    try:
        model, version = served_models.read_manifest(archive)
    except routed_versions.UNREADABLE as error:
        raise ConfigurationError(
            f"{archive} is not a readable model archive ({type(error).__name__}). Restore a kept version "
            f"(cp yolo-<version>.mar {archive.name}) or package again: bash scripts/package_mar_docker.sh"
        ) from error
    if model != MODEL:
        raise ConfigurationError(
            f"{archive} is an archive of the model {model!r}, not of {MODEL}. Name it {model}.mar, and restore a kept "
            f"version (cp {MODEL}-<version>.mar {archive.name}) or package again: bash scripts/package_mar_docker.sh"
        )
    return version


def render_properties(config: Configuration) -> str:
    """Render the computed half of TorchServe's configuration, in Java properties format."""
    placement, server = config.placement, config.server
    models = {
        model.name: {
            version: {"defaultVersion": version == model.version, "marName": name, **_limits(model, server)}
            for version, name in model.archives.items()
        }
        for model in config.models
    }
    lines = {
        **{f"{api}_address": f"unix:{port.socket}" for api, port in config.ports().items()},
        "grpc_inference_port": placement.grpc_inference_port,
        "grpc_management_port": placement.grpc_management_port,
        "metrics_config": HERE / "metrics.yaml",
        "model_store": config.model_store,
        # Loaded in this order. A model's first archive becomes its default version: "defaultVersion" is ignored.
        "load_models": ",".join(name for model in config.models for name in model.archives.values()),
        "models": json.dumps(models),
        # For versions that are registered later through the management API, which `models` does not cover.
        "default_workers_per_model": config.workers,
        "default_response_timeout": server.response_timeout_s,
        "default_startup_timeout": server.startup_timeout_s,
        "job_queue_size": server.job_queue_size,
        "max_request_size": server.max_body_bytes + MULTIPART_OVERHEAD,
        "max_response_size": server.max_body_bytes + MULTIPART_OVERHEAD,
    }
    return "".join(f"{key}={_escape(str(value))}\n" for key, value in lines.items())


def _limits(model: ServedModel, server: ServerSettings) -> dict[str, int]:
    """Return TorchServe's settings of each version of a model."""
    return {
        "minWorkers": model.workers,
        "maxWorkers": model.workers,
        "batchSize": model.batch_size,
        "maxBatchDelay": server.max_batch_delay_ms,
        "responseTimeout": server.response_timeout_s,
        "startupTimeout": server.startup_timeout_s,
    }


def _escape(value: str) -> str:
    """Write a value of a Java properties file, which Java reads as ISO-8859-1, with backslashes as escapes."""
    units = value.replace("\\", "\\\\").encode("utf-16-be", "surrogatepass")
    numbers = (int.from_bytes(units[index : index + 2], "big") for index in range(0, len(units), 2))
    return "".join(chr(number) if number < 128 else f"\\u{number:04x}" for number in numbers)
