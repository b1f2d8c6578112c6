"""The real syslog-ng with the configuration of deploy/observability, and what it sends to the store."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import free_ports, wait_until
from tests.support.log_store import LogStore
from tests.support.services import find_binary
from tests.support.tree import ROOT

CONFIG = ROOT / "deploy" / "observability" / "syslog-ng.conf"
LINE = (
    '{"time": "2026-11-30T16:00:00.432+00:00", "level": "info", "logger": "worker", '
    '"message": "pr\\u00e9dict \\"a\\"", "model": "yolo", "version": "1.0", '
    '"timings_ms": {"decode": 6.44}, "exception": "one\\n  two"}'
)


@contextmanager
def store(port: int) -> Iterator[list[str]]:
    """The store on a port of loopback until the block ends."""
    with LogStore("127.0.0.1", port) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.lines
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def agent(folder: Path, port: int, files: str) -> Iterator[None]:
    """Run syslog-ng over a folder's files until the block ends."""
    state = folder.parent
    with (state / "agent.log").open("wb") as output:
        process = subprocess.Popen(
            [
                *(find_binary("syslog-ng", "syslog-ng-mod-http"), "--foreground", "--no-caps", "--stderr"),
                *(f"--cfgfile={CONFIG}", f"--persist-file={state / 'persist'}"),
                *(f"--pidfile={state / 'pid'}", f"--control={state / 'ctl'}"),
            ],
            env={
                "PATH": os.environ["PATH"],
                "LOG_FOLDER": str(folder),
                "LOG_FILES": files,
                "LOG_PROJECT": "yolo-serving",
                "LOG_STORE": f"http://127.0.0.1:{port}",
            },
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def wrapped(line: str, service: str, project: str = "yolo-serving") -> str:
    """A line as Docker keeps it."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
    time = "2026-11-30T16:00:01.5Z"
    return json.dumps({"log": f"{line}\n", "stream": "stdout", "attrs": labels, "time": time}) + "\n"


def test_lines_of_this_projects_containers_arrive_whole_though_the_store_was_away(tmp_path: Path) -> None:
    container = tmp_path / "containers" / "4f2a"
    container.mkdir(parents=True)
    file = container / "4f2a-json.log"
    file.write_text(
        wrapped(LINE, "torchserve")
        + wrapped('{"level":"info","ts":1764518400.1,"msg":"handled request"}', "edge")
        + wrapped('Ready to "accept" connections', "redis")
        + wrapped('{"cut', "torchserve")
        + wrapped("another project's", "database", "shop")
        + json.dumps({"log": "of no project\n", "stream": "stdout", "time": "2026-11-30T16:00:02Z"})
        + "\n"
    )
    (container / "config.v2.json").write_text('{"Env": ["PASSWORD=secret"]}\n')
    (port,) = free_ports(1)
    with agent(tmp_path / "containers", port, "*-json.log"):
        wait_until(lambda: "connect" in (tmp_path / "agent.log").read_text(), "the agent has missed the store", 30)
        # The engine renames a full file and goes on in a new one.
        file.rename(f"{file}.1")
        file.write_text(wrapped('{"time": "2026-11-30T16:00:03Z", "message": "last"}', "api-gateway"))
        with store(port) as lines:
            wait_until(lambda: len(lines) >= 5, "the lines have arrived", 30)
    assert lines[0] == f'{{"service":"torchserve",{LINE[1:]}', "byte for byte"
    rest = [json.loads(line) for line in lines[1:]]
    time = "2026-11-30T16:00:01.5Z"
    assert rest == [
        {"service": "edge", "time": time, "level": "info", "ts": 1764518400.1, "msg": "handled request"},
        {"service": "redis", "time": time, "message": 'Ready to "accept" connections'},
        {"service": "torchserve", "time": time, "message": '{"cut'},
        {"service": "api-gateway", "time": "2026-11-30T16:00:03Z", "message": "last"},
    ]


def test_lines_of_the_native_logs_have_their_files_name_as_service(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "torchserve.log").write_text(LINE + "\n")
    (logs / "supervisord.log").write_text("spawned: 'torchserve' with pid 7\n")
    (port,) = free_ports(1)
    with store(port) as lines, agent(logs, port, "*.log"):
        wait_until(lambda: len(lines) == 2, "the lines have arrived", 30)
    assert f'{{"service":"torchserve",{LINE[1:]}' in lines
    (plain,) = [json.loads(line) for line in lines if "supervisord" in line]
    assert plain.pop("time")
    assert plain == {"service": "supervisord", "message": "spawned: 'torchserve' with pid 7"}
