"""The native service, without Docker: up, down and status."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from dotenv import dotenv_values

import model_settings
from ops.errors import KeyNeededError, OpsError
from ops.gateways import readiness
from ops.gateways.readiness import Readiness
from ops.native import green, ports, supervisor
from ops.native.environment import only_of_services
from ops.packaging.current import require_settled
from ops.paths import (
    API_KEYS,
    COMMON,
    GATEWAY,
    LOGS,
    MODEL,
    MODELS_FILE,
    ROOT,
    RUN,
    SERVING,
    STORE,
    STREET,
    current_archive,
    model_of,
    socket_dir,
    store_of,
)
from ops.predict import text
from ops.setup import java
from ops.setup.prepare import prepare
from ops.store import archive, bluegreen, lock, models
from ops.store.bluegreen import BLUE, GREEN, PROGRAMS
from ops.system.files import locked, read_json, write_json
from ops.system.polling import poll
from ops.system.settings import GREEN as GREEN_PREFIX
from ops.system.settings import Settings, load
from ops.system.variables import WEIGHTS
from ops.terminal.console import progress, say

STATE = RUN / "state.json"
# Variables that name a file for the gateway.
SECRET_FILES = ("JWT_SECRET_FILE", "OTEL_EXPORTER_OTLP_HEADERS_FILE")
# Starting the JVM, importing torch and compiling the engine take seconds, more on a small machine under load.
READY_S = 180.0
# How long `up` waits for a redeploy or another operation to end.
OPERATION_S = 600.0
# A program that is seen so often in a row waiting for its next try counts as unable to start.
FAILING_AT_MOST = 5


def services_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of TorchServe and the gateway. Raises OpsError without Java."""
    home = java.find_home()
    if home is None:
        raise OpsError(
            "Java 17 or newer is not installed; run bash scripts/up.sh, which installs one for this project only"
        )
    port = settings.ports
    wanted = {
        **settings.environment,
        **{name: str(number) for name, number in port.items()},
        "JAVA_HOME": str(home),
        # TorchServe listens on loopback whatever BIND is: other machines reach the gateway only.
        "TORCHSERVE_HOST": "127.0.0.1",
        "TORCHSERVE_RUN_DIR": str(socket_dir() / "torchserve"),
        "MODEL_STORE": str(STORE),
        "MODELS_FILE": str(MODELS_FILE),
        "GATEWAY_HOST": settings.bind,
        # Without a container the gateway listens on the address that others use.
        "PUBLISHED_BIND": "",
        "PUBLISHED_PROFILES": "",
        "API_KEYS_FILE": str(API_KEYS),
        # A path in .env is relative to the checkout, as in Compose, and services run in other folders.
        **{name: str(ROOT / path) for name in SECRET_FILES if (path := settings.environment.get(name, ""))},
        "ROUTING_FILE": str(STORE / "routing" / "routing.json"),
        "TORCHSERVE_INFERENCE_URL": f"http://127.0.0.1:{port['INFERENCE_PORT']}",
        "TORCHSERVE_MANAGEMENT_URL": f"http://127.0.0.1:{port['MANAGEMENT_PORT']}",
        "TORCHSERVE_SERVERS": list_servers(settings),
        "PYTHONUNBUFFERED": "1",
    }
    return only_of_services(wanted)


def list_servers(settings: Settings) -> str:
    """Return the servers that routing.json may name: green, even if it does not run, and the operator's."""
    ports = settings.green_ports
    green = f"{GREEN}=http://127.0.0.1:{ports['INFERENCE_PORT']}|http://127.0.0.1:{ports['MANAGEMENT_PORT']}"
    return ",".join(filter(None, [green, settings.environment.get("TORCHSERVE_SERVERS", "").strip()]))


def fingerprint(environment: dict[str, str]) -> str:
    """Return a digest of settings and code. Services that were started from another one have to be restarted."""
    names = set(dotenv_values(ROOT / ".env.example")) | {"JAVA_HOME"}
    digest = hashlib.sha256(json.dumps({name: environment.get(name) for name in sorted(names)}).encode())
    digest.update(bytes([API_KEYS.exists()]))  # with the first key the gateway requires keys
    packages = (SERVING / "yolo", COMMON, GATEWAY / "gateway")
    code = [*SERVING.glob("*.*"), *(path for package in packages for path in package.rglob("*.py"))]
    for path in sorted([*code, ROOT / "constraints.txt", MODELS_FILE]):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def read_state() -> dict[str, str]:
    """Return what the running services were started from; empty if that is unknown."""
    return read_json(STATE) or {}


def write_state(state: dict[str, str]) -> None:
    """Record what the services were started from."""
    write_json(STATE, state)


def served_archives() -> dict[str, str]:
    """Return the SHA-256 of the archive that each model is served from, under its name in the state."""
    return {
        _archive_key(model): archive.sha256(current_archive(store_of(model, STORE)))
        for model in models.with_archive(STORE)
    }


def record_archive(store: Path) -> None:
    """Record in the state that the server runs the current archive of a model; that it has none, if that is gone."""
    current = current_archive(store)
    known = {_archive_key(model_of(store)): archive.sha256(current)} if current.is_file() else {}
    if not read_state():
        return
    with locked(STATE.with_name(".state-guard")):  # operations of two models may end at the same time
        state = read_state()
        state.pop(_archive_key(model_of(store)), None)
        write_state({**state, **known})


def _archive_key(model: str) -> str:
    return "archive" if model == MODEL else f"archive of {model}"


def check_gateway(environment: dict[str, str]) -> None:
    """Let the gateway check its settings. Raises OpsError with its message when it would not start."""
    argv = [str(supervisor.PYTHON), "-m", "gateway", "check"]
    whole = {**environment, **supervisor.GATEWAY_ENVIRONMENT}
    done = subprocess.run(argv, cwd=GATEWAY, env=whole, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"the gateway would not start. {done.stderr.strip()}\nNothing was started or changed")


def check_model_settings() -> None:
    """Read models.toml as TorchServe will. Raises OpsError with its message when TorchServe would not start."""
    try:
        model_settings.read(MODELS_FILE)
    except model_settings.ModelSettingsError as error:
        raise OpsError(f"TorchServe would not start. {error}\nNothing was started or changed") from error


def start(settings: Settings) -> None:
    """Start the services, or restart those whose settings, code or archive changed."""
    environment = services_environment(settings)
    wanted = {"settings": fingerprint(environment), **served_archives()}
    present = read_state() if supervisor.states() else {}
    if present == wanted:
        say("  services: already running")
        return
    if present.get("settings") == wanted["settings"]:
        with progress("restarting TorchServe on the new archive"):
            for name, seen in supervisor.states().items():
                if name in PROGRAMS.values() and not seen.startswith("STOPPED"):
                    supervisor.restart_program(name)
    else:
        check_model_settings()
        check_gateway(environment)
        if supervisor.processes():
            with progress("stopping the services, whose settings changed"):
                supervisor.stop()
        gateway = {"GATEWAY_PORT": settings.ports["GATEWAY_PORT"]}
        ports.require_free(settings.bind, gateway)
        present_sides = bluegreen.read(STORE)
        own = {
            name: port
            for name, port in settings.ports.items()
            if name not in gateway and (present_sides.has(GREEN) or not name.startswith(GREEN_PREFIX))
        }
        ports.require_free("127.0.0.1", own)
        with progress("starting TorchServe and the gateway"):
            supervisor.start(environment, green.restore(present_sides))
    write_state(wanted)


def await_ready(settings: Settings) -> None:
    """Wait for a READY worker. Raises OpsError with the log lines that matter."""
    seen = Readiness(False, "starting")
    failures = 0
    blue = bluegreen.read(STORE).has(BLUE)

    def is_ready_or_hopeless() -> bool:
        nonlocal seen, failures
        seen = readiness.ask(settings.gateway)
        # If green cannot start, blue answers in its place, if it runs.
        failing = [name for name in supervisor.list_failing() if name != PROGRAMS[GREEN] or not blue]
        failures = failures + 1 if failing else 0
        return seen.ready or failures > FAILING_AT_MOST or not supervisor.states()

    with progress("waiting until a worker is READY", lambda: seen.message):
        poll(is_ready_or_hopeless, READY_S)
        if not seen.ready:
            raise OpsError(
                f"the service did not become ready: {seen.message}\n"
                f"  last lines of {LOGS / 'torchserve.log'}:\n{supervisor.tail('torchserve')}\n"
                f"  last lines of {LOGS / 'api-gateway.log'}:\n{supervisor.tail('api-gateway', 4)}"
            )


def up(picture: Path = STREET, settle: Callable[[Path], None] = require_settled) -> None:
    """Set up what is missing, start the services, and show a first detection. After a failed start nothing runs.

    `settle`: see `ops.packaging.current`. Raises OpsError.
    """
    settings = load()
    say("Weights, samples, archive")
    prepare(given=settings.environment.get(WEIGHTS.name, ""), settle=settle)
    say("Services")
    was_running = bool(supervisor.states())
    stores = models.stores(STORE)
    for holder in filter(None, map(lock.holder, stores)):
        say(f"  waiting for another operation: {holder}")
    try:
        # An operation of any model on a server that is just being restarted would fail.
        with lock.held_together(stores, lock.UP, OPERATION_S):
            start(settings)
            await_ready(settings)
        say()
        try:
            text.show(settings.gateway, picture)
        except KeyNeededError as error:
            say(f"No first detection: {error}")
    except (OpsError, KeyboardInterrupt):
        if not was_running and supervisor.stop():
            say("  stopped again")
        raise
    say(f"""
Up. Try next:
  curl -F file=@{STREET.relative_to(ROOT)} {settings.gateway}/predict
  {settings.gateway}/              the same with your pictures, in the browser
  {settings.gateway}/docs          every route
  bash scripts/package_mar.sh      after replacing models/weights/best.pt
  bash scripts/down.sh             stop everything (logs: {LOGS.relative_to(ROOT)}/)""")


def down() -> None:
    """Stop the services."""
    with progress("stopping"):
        running = supervisor.stop()
    STATE.unlink(missing_ok=True)
    say("stopped" if running else "nothing was running")


def status() -> bool:
    """Print the state of the services. Returns whether the service is ready."""
    settings = load()
    for name, state in supervisor.states().items() or {"services": "not running"}.items():
        say(f"  {name:<12} {state}")
    say(f"  {'sides':<12} {bluegreen.describe(STORE)}")
    gateway = readiness.ask(settings.gateway)
    say(f"  {'ready' if gateway.ready else 'not ready':<12} {gateway.message}")
    return gateway.ready
