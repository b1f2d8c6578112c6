"""Start TorchServe in the foreground, with a configuration computed from the environment.

The same file starts the server natively and in the container. It checks all that can be checked before Java runs,
writes `effective.properties`, runs Java, and holds its ports (`guard.py`). The stock `torchserve` launcher is not
used: it forwards no signals, and its one pid file per machine allows only one server.

    python entrypoint.py              serve (the default)
    python entrypoint.py healthcheck  exit 0 when a worker of the model is READY, else print the states and exit 1

Exit codes: Java's own, 0 healthy, 1 unhealthy, 78 (EX_CONFIG) a mistake that the operator has to fix.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The modules that the gateway uses too. Not through PYTHONPATH, which workers inherit: an archive has its own copies.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent.parent / "common"))

import configuration
import environment
import guard
import healthcheck
import host_names
import idle
import java
import log_lines
import routed_versions
import server_process
from configuration import HERE, Configuration, ConfigurationError
from guard import Port
from log_lines import JsonLog
from served_models import ServedModel
from torchserve_api import TorchServe

EX_CONFIG = 78
# Where the common modules were found.
COMMON = str(Path(host_names.__file__).parent)


def serve(env: Mapping[str, str], log: JsonLog | None = None) -> int:
    """Write the configuration and run TorchServe; return its exit code. Raises ConfigurationError.

    The server's output goes to `log`; without one it has the output of this process.
    """
    config = configuration.read(env)
    prepare_run_dir(config)
    argv = java.command(config, env)
    ports = take_ports(config)
    report(config)
    try:
        environment_ = worker_environment(config, env)
        names = config.placement.allowed_hosts
        return server_process.run(argv, environment_, config.run_dir, ports, names, jobs(config), log)
    except (FileNotFoundError, PermissionError) as error:
        raise ConfigurationError(
            f"cannot run {argv[0]} ({error.strerror}); install Java 17 or newer or set JAVA_HOME"
        ) from error


def jobs(config: Configuration) -> list[server_process.Job]:
    """Return what runs as long as the server does."""
    wanted = idle.limits(config.settings)
    if not wanted:
        return []
    ports = config.ports()
    server = TorchServe(ports["management"].socket, ports["metrics"].socket)
    return [idle.IdleModels(server, config.model_store, wanted).run]


def take_ports(config: Configuration) -> dict[Port, socket.socket]:
    """Return a socket for each port. Raises ConfigurationError when one is taken."""
    taken = {}
    for api, port in config.ports().items():
        try:
            taken[port] = guard.bind(port)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {port.host}:{port.number} ({error.strerror}); "
                f"stop what uses it or set {api.upper()}_PORT"
            ) from error
    return taken


def prepare_run_dir(config: Configuration) -> None:
    """Remove the remains of a killed server and write `effective.properties`. Raises ConfigurationError."""
    try:
        config.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Who enters this folder reaches the server past its guard.
        if config.run_dir.stat().st_uid != os.getuid():
            raise ConfigurationError(f"{config.run_dir} belongs to another user; remove it or set TORCHSERVE_RUN_DIR")
        config.run_dir.chmod(0o700)
        # A killed server leaves sockets, which would be "already in use", and unpacked archives, which fill the disk.
        for left in (*config.run_dir.glob(".ts.sock.*"), *(port.socket for port in config.ports().values())):
            left.unlink(missing_ok=True)
        shutil.rmtree(config.run_dir / "models", ignore_errors=True)
        fixed = (HERE / "config.properties").read_text()
        computed = configuration.render_properties(config)
        (config.run_dir / "effective.properties").write_text(f"{fixed}\n# From the environment:\n{computed}")
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {config.run_dir} ({error.strerror}); free some space or set TORCHSERVE_RUN_DIR"
        ) from error


def report(config: Configuration) -> None:
    """Print what is served, and the models and versions that are skipped."""
    for note in config.notes:
        print(f"torchserve: {note}", flush=True)
    for problem in config.skipped_models:
        print(f"torchserve: skipped model {problem}", flush=True)
    for model in config.models:
        for problem in model.skipped:
            file = routed_versions.routing_file(model.name)
            print(f"torchserve: skipped a version that {file} names: {problem}", flush=True)
    placement = config.placement
    for model in config.others:
        print(f"torchserve: {describe(model)}, {model.workers} worker(s) x {config.threads} thread(s)", flush=True)
    print(
        f"torchserve: {describe(config.models[0])}, {config.workers} worker(s) x {config.threads} thread(s), "
        f"inference on {placement.torchserve_host}:{placement.inference_port}",
        flush=True,
    )


def describe(model: ServedModel) -> str:
    """Return a model's name and versions."""
    return f"{model.name} {' and '.join(filter(None, [model.version, ', '.join(model.routed)]))}"


def worker_environment(config: Configuration, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server, which its workers inherit."""
    result = {
        **environment.allowed(env),
        # Without a UTF-8 locale (LC_ALL=C, as under cron) Java cannot name a file with letters outside ASCII.
        **({} if is_utf8(env) else {"LC_ALL": "C.UTF-8"}),
        "THREADS": str(config.threads),
        "WORKERS": str(config.workers),
        # What is below LOG_LEVEL is left out here, so that the level can be changed while workers run.
        **({"LOG_LEVEL": "INFO"} if log_level(env) in ("warning", "error") else {}),
        "MODEL_SETTINGS": json.dumps(handler_settings(config)),
        # The workers' temporary files go next to the server's.
        "TMPDIR": str(config.run_dir),
        # One thread pool per worker, not one per library.
        "OMP_NUM_THREADS": str(config.threads),
    }
    # TorchServe appends the archive's folder to PYTHONPATH. So what is there comes first: nothing that an archive has a
    # copy of, unless the handler is to be the one in this folder.
    paths = [path for path in result.pop("PYTHONPATH", "").split(os.pathsep) if path not in ("", COMMON)]
    if config.server.handler_from == "image":
        paths = [str(HERE), COMMON, *paths]
    return result | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})


def handler_settings(config: Configuration) -> dict[str, dict[str, Any]]:
    """Return what each model's workers need of models.toml; also of models that are added while the server runs."""
    keys = ("conf", "iou", "max_det", "imgsz", "precision", "workers")
    given = {
        name: {key: value for key in keys if (value := getattr(settings, key)) is not None}
        for name, settings in config.settings.items()
    }
    for model in config.others:
        given.setdefault(model.name, {})["workers"] = model.workers
    return {name: values for name, values in given.items() if values}


def log_level(env: Mapping[str, str]) -> str:
    """Return LOG_LEVEL in lower case, the default if it is not set. A wrong one is reported with the other settings."""
    level = env.get("LOG_LEVEL", "").strip().lower()
    return level if level in log_lines.LEVELS else "info"


def is_utf8(env: Mapping[str, str]) -> bool:
    """Tell whether an environment's locale is a UTF-8 one."""
    locale = next((env[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(name)), "")
    return locale.lower().replace("-", "").endswith("utf8")


def drop_foreign_variables(env: Mapping[str, str]) -> None:
    """Start this program again without the variables that are not for it: others may read what it was started with."""
    kept = environment.allowed(env)
    if any(not name.startswith("__") for name in env.keys() - kept.keys()):  # "__": macOS adds such to every process
        os.execve(sys.executable, sys.orig_argv, kept)  # noqa: S606 - itself


def main(argv: list[str]) -> int:
    """Run the subcommand. A mistake of the operator ends in one line on stderr and EX_CONFIG."""
    try:
        if argv == ["healthcheck"]:
            return healthcheck.run(os.environ)
        if argv in ([], ["serve"]):
            drop_foreign_variables(os.environ)
            log = JsonLog(sys.stdout.buffer, log_level(os.environ))
            with contextlib.redirect_stdout(log):
                return serve(os.environ, log)
        raise ConfigurationError(f"unknown argument {' '.join(argv)!r}; use: entrypoint.py [serve|healthcheck]")
    except ConfigurationError as error:
        print(f"torchserve: {error}", file=sys.stderr)
        return EX_CONFIG


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
