"""TorchServe's configuration, computed from the environment and from the archives in the model store."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import routed_versions
from yolo import settings
from yolo.errors import ArchiveError

HERE = Path(__file__).resolve().parent
MODEL = "yolo"
# A multipart upload wraps the image in a few hundred bytes: the largest allowed image must still fit.
MULTIPART_OVERHEAD = 64 * 1024


class ConfigurationError(Exception):
    """A mistake that the operator has to fix; the message says what is wrong and how to fix it."""


@dataclass(frozen=True)
class Configuration:
    """The values that TorchServe is started with. Sizes are in bytes, times in the unit that the name ends with."""

    host: str
    inference_port: int
    management_port: int
    metrics_port: int
    grpc_inference_port: int
    grpc_management_port: int
    model_store: Path
    run_dir: Path
    version: str
    workers: int
    threads: int
    max_body_bytes: int
    batch_size: int
    max_batch_delay_ms: int
    response_timeout_s: int
    startup_timeout_s: int
    job_queue_size: int
    uses_image_handler: bool = False
    #: The file name of every further archive to load, by version.
    routed: Mapping[str, str] = field(default_factory=dict)
    #: The versions that routing.json names but that cannot be loaded, with the reason.
    skipped: tuple[str, ...] = ()


def read(env: Mapping[str, str]) -> Configuration:
    """Read and check the environment. Raises ConfigurationError."""
    store = Path(env.get("MODEL_STORE") or HERE / "model-store").resolve()
    if not store.is_dir():
        raise ConfigurationError(f"the model store {store} does not exist; create it or set MODEL_STORE")
    try:
        worker = settings.read(env)  # the workers' settings: report a mistake here, before Java runs
    except ArchiveError as error:
        raise ConfigurationError(str(error)) from error
    version = read_version(store / f"{MODEL}.mar")
    routed, skipped = routed_versions.find_archives(store, MODEL, version)
    return Configuration(
        host=env.get("TORCHSERVE_HOST") or "127.0.0.1",
        inference_port=integer(env, "INFERENCE_PORT", 8085, 1, 65535),
        management_port=management_port(env),
        metrics_port=integer(env, "METRICS_PORT", 8087, 1, 65535),
        grpc_inference_port=integer(env, "GRPC_INFERENCE_PORT", 7070, 1, 65535),
        grpc_management_port=integer(env, "GRPC_MANAGEMENT_PORT", 7071, 1, 65535),
        model_store=store,
        run_dir=Path(env.get("TORCHSERVE_RUN_DIR") or Path(tempfile.gettempdir()) / "torchserve").resolve(),
        version=version,
        workers=worker.plan.workers,
        threads=worker.plan.threads,
        max_body_bytes=integer(env, "MAX_BODY_BYTES", 20 * 1024 * 1024, 1024, 1 << 30),
        batch_size=integer(env, "BATCH_SIZE", 1, 1, 256),
        max_batch_delay_ms=integer(env, "MAX_BATCH_DELAY_MS", 5, 1, 10_000),
        response_timeout_s=integer(env, "RESPONSE_TIMEOUT_S", 60, 1, 3600),
        startup_timeout_s=integer(env, "STARTUP_TIMEOUT_S", 120, 1, 3600),
        job_queue_size=integer(env, "JOB_QUEUE_SIZE", 100, 1, 100_000),
        uses_image_handler=handler_source(env) == "image",
        routed=routed,
        skipped=tuple(skipped),
    )


def integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Read a whole number from `low` to `high`. Compose passes an unset variable as "". Raises ConfigurationError."""
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ConfigurationError(f"{name}={text!r} is not a whole number; use {low} to {high}") from None
    if not low <= value <= high:
        raise ConfigurationError(f"{name}={value} is out of range; use {low} to {high}")
    return value


def management_port(env: Mapping[str, str]) -> int:
    """Return the port of the management API. Raises ConfigurationError."""
    return integer(env, "MANAGEMENT_PORT", 8086, 1, 65535)


def handler_source(env: Mapping[str, str]) -> str:
    """Return where the workers take the handler from: `archive` or `image`. Raises ConfigurationError."""
    source = env.get("HANDLER_FROM") or "archive"
    if source not in ("archive", "image"):
        raise ConfigurationError(f"HANDLER_FROM={source!r} is neither archive nor image")
    return source


def read_version(archive: Path) -> str:
    """Return the version in the archive's manifest. Raises ConfigurationError when the archive cannot be read."""
    if not archive.is_file():
        raise ConfigurationError(
            f"the model store ({archive.parent}) has no {archive.name}. Make it with: "
            "bash scripts/package_mar_docker.sh (or bash scripts/package_mar.sh without Docker)"
        )
    try:
        with zipfile.ZipFile(archive) as mar:
            manifest = json.loads(mar.read("MAR-INF/MANIFEST.json"))
        return str(manifest["model"]["modelVersion"])
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{archive} is not a readable model archive ({type(error).__name__}). Restore a kept version "
            f"(cp yolo-<version>.mar {archive.name}) or package again: bash scripts/package_mar_docker.sh"
        ) from error


def render_properties(config: Configuration) -> str:
    """Render the computed half of TorchServe's configuration, in Java properties format."""
    # TorchServe loads the archives in this order. The first becomes its default version: "defaultVersion" is ignored.
    archives = {config.version: f"{MODEL}.mar", **config.routed}
    workers = {
        "minWorkers": config.workers,
        "maxWorkers": config.workers,
        "batchSize": config.batch_size,
        "maxBatchDelay": config.max_batch_delay_ms,
        "responseTimeout": config.response_timeout_s,
        "startupTimeout": config.startup_timeout_s,
    }
    models = {
        version: {"defaultVersion": version == config.version, "marName": name, **workers}
        for version, name in archives.items()
    }
    lines = {
        "inference_address": f"http://{config.host}:{config.inference_port}",
        "management_address": f"http://{config.host}:{config.management_port}",
        "metrics_address": f"http://{config.host}:{config.metrics_port}",
        "grpc_inference_port": config.grpc_inference_port,
        "grpc_management_port": config.grpc_management_port,
        "model_store": config.model_store,
        "load_models": ",".join(archives.values()),
        "models": json.dumps({MODEL: models}),
        # For versions that are registered later through the management API, which `models` does not cover.
        "default_workers_per_model": config.workers,
        "default_response_timeout": config.response_timeout_s,
        "default_startup_timeout": config.startup_timeout_s,
        "job_queue_size": config.job_queue_size,
        "max_request_size": config.max_body_bytes + MULTIPART_OVERHEAD,
        "max_response_size": config.max_body_bytes + MULTIPART_OVERHEAD,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())
