"""Start TorchServe in the foreground, on a configuration made from the environment.

The same file starts the server natively and in the container. It checks everything that can be checked before Java
runs, writes `effective.properties`, and then *becomes* Java (`execvp`): the stock `torchserve` launcher stays in
between, does not pass signals on, and keeps one pid file per machine, so that two servers could not run side by side.

    python entrypoint.py              serve (the default)
    python entrypoint.py healthcheck  exit 0 when a worker of the model is READY, else 1 and the reason

Exit codes: 0 stopped or healthy, 1 not healthy, 78 (EX_CONFIG) something the operator has to mend.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import beside
from yolo import settings
from yolo.errors import ArchiveError

HERE = Path(__file__).resolve().parent
MODEL = "yolo"
EX_CONFIG = 78
# A multipart upload to TorchServe wraps the picture in a few hundred bytes: the largest allowed picture still passes.
MULTIPART_ROOM = 64 * 1024


class ConfigurationError(Exception):
    """Something the operator has to mend; the message says what and how."""


@dataclass(frozen=True)
class Configuration:
    """What TorchServe is started with. Sizes in bytes, times in the unit of their name."""

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
    own_handler: bool = False
    #: Archives loaded beside yolo.mar, by version, and what routing names but cannot be loaded.
    beside: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Read a bounded whole number. Empty counts as unset, as Compose passes it. Raises ConfigurationError."""
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


def handler_from(env: Mapping[str, str]) -> str:
    """Return whose handler the workers run: the `archive`'s, or that of this `image`. Raises ConfigurationError."""
    chosen = env.get("HANDLER_FROM") or "archive"
    if chosen not in ("archive", "image"):
        raise ConfigurationError(f"HANDLER_FROM={chosen!r} is neither archive nor image")
    return chosen


def archive_version(archive: Path) -> str:
    """Return the version that the archive's manifest names. Raises ConfigurationError when there is none."""
    if not archive.is_file():
        raise ConfigurationError(
            f"there is no {archive.name} in the model store ({archive.parent}). Make it with: "
            "bash scripts/package_mar_docker.sh (or bash scripts/package_mar.sh without Docker)"
        )
    try:
        with zipfile.ZipFile(archive) as mar:
            manifest = json.loads(mar.read("MAR-INF/MANIFEST.json"))
        return str(manifest["model"]["modelVersion"])
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{archive} is no readable model archive ({type(error).__name__}). Put a kept version back "
            f"(cp yolo-<version>.mar {archive.name}) or package again: bash scripts/package_mar_docker.sh"
        ) from error


def configuration(env: Mapping[str, str]) -> Configuration:
    """Read and check the environment. Raises ConfigurationError with the mend in its message."""
    store = Path(env.get("MODEL_STORE") or HERE / "model-store").resolve()
    if not store.is_dir():
        raise ConfigurationError(f"the model store {store} does not exist; create it or set MODEL_STORE")
    try:
        worker = settings.read(env)  # what the workers will read: a mistake there is found here, before Java runs
    except ArchiveError as error:
        raise ConfigurationError(str(error)) from error
    version = archive_version(store / f"{MODEL}.mar")
    others, left_out = beside.archives(store, MODEL, version)
    return Configuration(
        host=env.get("TORCHSERVE_HOST") or "127.0.0.1",
        inference_port=integer(env, "INFERENCE_PORT", 8085, 1, 65535),
        management_port=integer(env, "MANAGEMENT_PORT", 8086, 1, 65535),
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
        own_handler=handler_from(env) == "image",
        beside=others,
        left_out=tuple(left_out),
    )


def properties(config: Configuration) -> str:
    """Render the computed half of TorchServe's configuration, in Java properties format."""
    # TorchServe loads them in this order and makes the first its default version; it reads no "defaultVersion" here.
    archives = {config.version: f"{MODEL}.mar", **config.beside}
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
        # For versions registered later through the management API, which `models` above does not cover.
        "default_workers_per_model": config.workers,
        "default_response_timeout": config.response_timeout_s,
        "default_startup_timeout": config.startup_timeout_s,
        "job_queue_size": config.job_queue_size,
        "max_request_size": config.max_body_bytes + MULTIPART_ROOM,
        "max_response_size": config.max_body_bytes + MULTIPART_ROOM,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def java(env: Mapping[str, str]) -> str:
    """Return the Java to run: JAVA_HOME's when it is set, else the one on the path."""
    home = env.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def java_options(given: str) -> list[str]:
    """Return Java's options: what the operator gave, after defaults that leave the CPUs to the workers.

    The server only carries bytes from a socket to a worker. The optimising compiler and the concurrent collector cost
    more CPU time than they ever earn back there: measured at four clients, Java took 8.2 ms a picture in the first
    seconds and 3.6 after a minute, without them 5.0 and 2.0.
    """
    chosen = given.split()
    defaults = ["-XX:TieredStopAtLevel=1"]
    if not any(option.startswith("-XX:+Use") and option.endswith("GC") for option in chosen):
        defaults.append("-XX:+UseSerialGC")  # two collectors at once are an error
    return [*defaults, *chosen]


def command(config: Configuration, env: Mapping[str, str]) -> list[str]:
    """Return the Java command line that the stock launcher would build, without the launcher in between."""
    spec = importlib.util.find_spec("ts")
    if spec is None or spec.origin is None:
        raise ConfigurationError("TorchServe is not installed in this Python: pip install -r requirements.txt")
    home = Path(spec.origin).parent.parent
    return [
        java(env),
        f"-Dmodel_server_home={home}",
        f"-Djava.io.tmpdir={config.run_dir}",
        f"-Dlog4j.configurationFile=file://{HERE / 'log4j2.xml'}",
        # Out of memory is a restart, not a server that answers half of its requests.
        "-XX:+ExitOnOutOfMemoryError",
        *java_options(env.get("JAVA_OPTS", "")),
        "-cp",
        f".:{home}/ts/frontend/*",
        "org.pytorch.serve.ModelServer",
        "--python",
        sys.executable,
        "-f",
        str(config.run_dir / "effective.properties"),
        "-s",
        str(config.model_store),
        "-ncs",
    ]


def serve(env: Mapping[str, str]) -> NoReturn:
    """Write the configuration and become TorchServe. Does not return; raises ConfigurationError."""
    config = configuration(env)
    try:
        config.run_dir.mkdir(parents=True, exist_ok=True)
        # What a killed server left: its sockets would be "already in use", its unpacked archives fill the disk.
        for socket in config.run_dir.glob(".ts.sock.*"):
            socket.unlink()
        shutil.rmtree(config.run_dir / "models", ignore_errors=True)
        effective = config.run_dir / "effective.properties"
        effective.write_text(
            (HERE / "config.properties").read_text() + "\n# From the environment:\n" + properties(config)
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {config.run_dir} ({error.strerror}); free some space or set TORCHSERVE_RUN_DIR"
        ) from error
    argv = command(config, env)
    for problem in config.left_out:
        print(f"torchserve: left out of what routing.json names: {problem}", flush=True)
    also = f" and beside it {', '.join(config.beside)}" if config.beside else ""
    print(
        f"torchserve: {MODEL} {config.version}{also}, {config.workers} worker(s) x {config.threads} thread(s), "
        f"inference on {config.host}:{config.inference_port}",
        flush=True,
    )
    worker_env = {
        **env,
        "THREADS": str(config.threads),
        "WORKERS": str(config.workers),
        # Temporary files of the workers beside the server's, and one thread pool per worker, not one per library.
        "TMPDIR": str(config.run_dir),
        "OMP_NUM_THREADS": str(config.threads),
    }
    if config.own_handler:  # TorchServe puts the archive behind what PYTHONPATH names
        others = [env["PYTHONPATH"]] if "PYTHONPATH" in env else []
        worker_env["PYTHONPATH"] = os.pathsep.join([str(HERE), *others])
    try:
        os.chdir(config.run_dir)
        os.execvpe(argv[0], argv, worker_env)  # noqa: S606 - the point of this file
    except OSError as error:
        raise ConfigurationError(
            f"cannot run {argv[0]} ({error.strerror}); install Java 17 or newer or set JAVA_HOME"
        ) from error


def ready(description: object) -> tuple[bool, str]:
    """Tell from the management API's description of the model whether a worker is READY, and the states seen."""
    versions = description if isinstance(description, list) else []
    workers = [worker for version in versions for worker in version.get("workers", [])]
    states = ", ".join(f"{worker.get('id')}={worker.get('status')}" for worker in workers) or "no worker"
    return any(worker.get("status") == "READY" for worker in workers), states


def healthcheck(env: Mapping[str, str]) -> int:
    """Ask the management API for a READY worker; print the states. Returns the exit code."""
    port = integer(env, "MANAGEMENT_PORT", 8086, 1, 65535)
    try:
        # No proxy: urllib would ask http_proxy for the loopback too.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{port}/models/{MODEL}", timeout=5) as answer:
            healthy, states = ready(json.load(answer))
    except (OSError, ValueError, urllib.error.URLError) as error:
        healthy, states = False, f"no answer from the management API: {error}"
    print(states)
    return 0 if healthy else 1


def main(argv: list[str]) -> int:
    """Run the subcommand; every mistake of the operator ends in one line and EX_CONFIG."""
    try:
        if argv == ["healthcheck"]:
            return healthcheck(os.environ)
        if argv in ([], ["serve"]):
            serve(os.environ)
        raise ConfigurationError(f"unknown argument {' '.join(argv)!r}; use: entrypoint.py [serve|healthcheck]")
    except ConfigurationError as error:
        print(f"torchserve: {error}", file=sys.stderr)
        return EX_CONFIG


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
