"""Prometheus, Alertmanager and a log store next to the native service; started, shown, and stopped by pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from ops.errors import OpsError
from ops.paths import LOGS, ROOT, RUN
from ops.system.files import read_json, write_json
from ops.system.polling import poll
from ops.system.settings import Settings, load
from ops.terminal.console import say

FOLDER = RUN / "observability"
SCRIPTS = ROOT / "deploy" / "observability"
#: Seconds that a program may take to answer, and to end.
START_S, STOP_S = 60.0, 20.0
#: What an alert's message and the rules' scripts may know of the environment.
PASSED = ("PATH", "HOME", "TZ", "LANG")
ALERTING = (
    *("ALERT_WEBHOOK_URL", "ALERT_EMAIL_TO", "ALERT_EMAIL_FROM", "ALERT_SMTP_HOST", "ALERT_SMTP_USER"),
    *("ALERT_GROUP_WAIT", "ALERT_REPEAT"),
)
PACKAGES = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-blackbox-exporter")
#: Debian does not put them on everybody's PATH.
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/usr/sbin"


@dataclass(frozen=True)
class Program:
    """A program: the names of its binary, its command line, what it is told, and where it says that it is ready.

    ``ready`` is a URL that answers 200 then, or the path of a Unix socket that accepts connections.
    """

    name: str
    binaries: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: str

    @property
    def record(self) -> Path:
        """Where its pid is kept."""
        return FOLDER / f"{self.name}.json"

    def find(self) -> str | None:
        """Return the path of its binary, None where it is not installed."""
        path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
        return next((found for name in self.binaries if (found := shutil.which(name, path=path))), None)

    def process(self) -> psutil.Process | None:
        """Return the process that was started here, if it still runs: its pid may belong to another by now."""
        state = read_json(self.record) or {}
        try:
            found = psutil.Process(state["pid"])
            return found if found.create_time() == state["created"] and found.is_running() else None
        except (psutil.Error, KeyError):
            return None

    def answers(self) -> bool:
        """Tell whether it is ready."""
        if self.ready.startswith("/"):
            with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.ready)
                return True
            return False
        try:
            return httpx.get(self.ready, timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def programs(settings: Settings) -> list[Program]:
    """Return what is started, in this order."""
    port, environment = settings.ports, settings.environment
    prometheus, alertmanager, node, blackbox = (
        f"127.0.0.1:{port[f'{name}_PORT']}" for name in ("PROMETHEUS", "ALERTMANAGER", "NODE_EXPORTER", "BLACKBOX")
    )
    files = {
        name: str(ROOT / path)
        for name in ("METRICS_KEY_FILE", "ALERT_SMTP_PASSWORD_FILE")
        if (path := environment.get(name, "").strip())
    }
    alerting = {name: environment[name] for name in ALERTING if environment.get(name)}
    data, certificates = FOLDER / "data", environment.get("CERTIFICATES", "").strip()
    exporter = Program(
        "node-exporter",
        ("node_exporter", "prometheus-node-exporter"),
        ("{binary}", f"--web.listen-address={node}"),
        {},
        f"http://{node}/",
    )
    prober = Program(
        "blackbox-exporter",
        ("blackbox_exporter", "prometheus-blackbox-exporter"),
        ("{binary}", f"--web.listen-address={blackbox}", f"--config.file={SCRIPTS / 'blackbox.yml'}"),
        {},
        f"http://{blackbox}/-/healthy",
    )
    store, agent = log_programs(port["VICTORIA_LOGS_PORT"], environment)
    return [
        *([store, agent] if store.find() and agent.find() else []),
        *([prober] if certificates else []),
        *([exporter] if exporter.find() else []),
        Program(
            "alertmanager",
            ("alertmanager", "prometheus-alertmanager"),
            (
                *("sh", str(SCRIPTS / "alertmanager.sh")),
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
                f"--storage.path={data / 'alertmanager'}",
            ),
            {**alerting, **files, "ALERTMANAGER_CONFIG": str(FOLDER / "alertmanager.yml")},
            f"http://{alertmanager}/-/ready",
        ),
        Program(
            "prometheus",
            ("prometheus",),
            (
                *("sh", str(SCRIPTS / "prometheus.sh")),
                f"--web.listen-address={prometheus}",
                f"--storage.tsdb.path={data / 'prometheus'}",
                f"--storage.tsdb.retention.time={environment.get('METRICS_KEPT') or '15d'}",
            ),
            {
                **files,
                "GATEWAY_TARGETS": environment.get("GATEWAY_TARGETS", ""),
                "GATEWAY_DEFAULT": f"localhost:{port['GATEWAY_PORT']}",
                "TORCHSERVE_TARGETS": f"localhost:{port['METRICS_PORT']}",
                "NODE_TARGETS": node if exporter.find() else "",
                "ALERTMANAGER_TARGETS": alertmanager,
                "CERTIFICATES": certificates,
                "BLACKBOX_TARGET": blackbox,
                "SCRAPE_INTERVAL": environment.get("SCRAPE_INTERVAL") or "15s",
                "PROMETHEUS_CONFIG": str(FOLDER / "prometheus.yml"),
            },
            f"http://{prometheus}/-/ready",
        ),
    ]


def log_programs(port: int, environment: Mapping[str, str]) -> tuple[Program, Program]:
    """Return the log store, and the agent that takes the lines of the service's logs there."""
    address, control = f"127.0.0.1:{port}", FOLDER / "log-agent.ctl"
    store = Program(
        "victoria-logs",
        ("victoria-logs", "victoria-logs-prod"),
        (
            *("{binary}", f"-httpListenAddr={address}", f"-storageDataPath={FOLDER / 'data' / 'victoria-logs'}"),
            f"-retentionPeriod={environment.get('LOGS_KEPT') or '7d'}",
            f"-retention.maxDiskSpaceUsageBytes={environment.get('LOGS_MAX_BYTES') or '5368709120'}",
        ),
        {},
        f"http://{address}/health",
    )
    agent = Program(
        "log-agent",
        ("syslog-ng",),
        (
            *("{binary}", "--foreground", "--no-caps", "--stderr", f"--cfgfile={SCRIPTS / 'syslog-ng.conf'}"),
            *(f"--persist-file={FOLDER / 'log-agent.persist'}", f"--pidfile={FOLDER / 'log-agent.pid'}"),
            f"--control={control}",
        ),
        {
            "LOG_FOLDER": str(LOGS),
            "LOG_FILES": "*.log",
            "LOG_PROJECT": "",
            "LOG_STORE": f"http://{address}",
        },
        str(control),
    )
    return store, agent


def start() -> None:
    """Start what does not run. Raises OpsError when a program is not installed, or does not answer."""
    wanted = programs(load())
    for program in wanted:
        if program.find() is None:
            raise OpsError(
                f"{program.name} is not installed. Debian: apt-get install --no-install-recommends "
                f"{' '.join(PACKAGES)}. Nothing was started"
            )
    for folder in (FOLDER, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    for program in wanted:
        if program.process() is None:
            _launch(program)
        say(f"  {program.name:<14} {program.ready.removesuffix('/-/ready').removesuffix('/health').removesuffix('/')}")


def stop() -> None:
    """Stop what was started here."""
    for program in reversed(programs(load())):
        process = program.process()
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()
            say(f"  {program.name} stopped")
        program.record.unlink(missing_ok=True)


def status() -> bool:
    """Print what runs; return whether all of it is ready."""
    ready = []
    for program in programs(load()):
        running = program.process() is not None
        ready.append(running and program.answers())
        say(f"  {program.name:<14} {'ready' if ready[-1] else 'not ready' if running else 'not running'}")
    return all(ready)


def _launch(program: Program) -> None:
    if program.answers():
        raise OpsError(f"another program already answers at {program.ready}; set another port for {program.name}")
    log = FOLDER / f"{program.name}.log"
    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    environment["PATH"] = f"{environment.get('PATH', '')}:{SYSTEM_PATH}"
    command = [part.replace("{binary}", program.find() or "") for part in program.command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env={**environment, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    write_json(program.record, {"pid": process.pid, "created": psutil.Process(process.pid).create_time()})
    if not poll(lambda: process.poll() is not None or program.answers(), START_S, 0.2) or process.poll() is not None:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        if process.poll() is None:
            process.terminate()
            process.wait()
        program.record.unlink(missing_ok=True)
        raise OpsError(f"{program.name} did not start; the end of {log}:\n{last}")
