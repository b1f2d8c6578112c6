"""The real syslog-ng with the configuration of deploy/observability, in front of the real VictoriaLogs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import free_ports, wait_until
from tests.support.log_store import LogStore, log_store
from tests.support.monitoring import dashboards
from tests.support.services import find_binary
from tests.support.tree import ROOT

CONFIG = ROOT / "deploy" / "observability" / "syslog-ng.conf"
#: The store refuses lines that are older than it keeps them.
BEGIN = datetime.now(UTC).replace(microsecond=432_000) - timedelta(minutes=5)


def at(seconds: int) -> str:
    """A time as the service writes it."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def stored(time: str) -> str:
    """The same time as the store returns it."""
    return time.replace("+00:00", "Z")


LINE = (
    f'{{"time": "{at(0)}", "level": "info", "logger": "worker", '
    '"message": "pr\\u00e9dict \\"a\\"", "model": "yolo", "version": "1.0", '
    '"timings_ms": {"decode": 6.44}, "exception": "one\\n  two"}'
)
#: What the store makes of it.
STORED = {
    "_time": stored(at(0)),
    "_msg": 'prédict "a"',
    "_stream": '{logger="worker",service="torchserve"}',
    "level": "info",
    "logger": "worker",
    "model": "yolo",
    "version": "1.0",
    "timings_ms.decode": "6.44",
    "exception": "one\n  two",
    "service": "torchserve",
}


def everything(store: LogStore) -> list[dict[str, str]]:
    """All lines, the oldest first, without the store's own number of their stream."""
    return [{key: value for key, value in line.items() if key != "_stream_id"} for line in store.query("*")]


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


def wrapped(line: str, service: str, seconds: int, project: str = "yolo-serving") -> str:
    """A line as Docker keeps it."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
    return json.dumps({"log": f"{line}\n", "stream": "stdout", "attrs": labels, "time": stored(at(seconds))}) + "\n"


def test_lines_of_this_projects_containers_arrive_whole_though_the_store_was_away(tmp_path: Path) -> None:
    container = tmp_path / "containers" / "4f2a"
    container.mkdir(parents=True)
    file = container / "4f2a-json.log"
    file.write_text(
        wrapped(LINE, "torchserve", 0)
        + wrapped('{"level":"info","ts":1764518400.1,"msg":"handled request"}', "edge", 1)
        + wrapped('Ready to "accept" connections', "redis", 2)
        + wrapped('{"cut', "torchserve", 3)
        + wrapped("another project's", "database", 4, "shop")
        + json.dumps({"log": "of no project\n", "stream": "stdout", "time": stored(at(5))})
        + "\n"
    )
    (container / "config.v2.json").write_text('{"Env": ["PASSWORD=secret"]}\n')
    (port,) = free_ports(1)
    with agent(tmp_path / "containers", port, "*-json.log"):
        wait_until(lambda: "connect" in (tmp_path / "agent.log").read_text(), "the agent has missed the store", 30)
        # The engine renames a full file and goes on in a new one.
        file.rename(f"{file}.1")
        file.write_text(wrapped(f'{{"time": "{at(6)}", "message": "last"}}', "api-gateway", 7))
        with log_store(tmp_path / "store", port) as store:
            wait_until(lambda: len(everything(store)) >= 5, "the lines have arrived", 30)
            found = everything(store)
    assert found == [
        STORED,
        {
            "_time": stored(at(1)),
            "_msg": "handled request",
            "_stream": '{service="edge"}',
            "service": "edge",
            "level": "info",
            "ts": "1764518400.1",
        },
        {
            "_time": stored(at(2)),
            "_msg": 'Ready to "accept" connections',
            "_stream": '{service="redis"}',
            "service": "redis",
        },
        {"_time": stored(at(3)), "_msg": '{"cut', "_stream": '{service="torchserve"}', "service": "torchserve"},
        {"_time": stored(at(6)), "_msg": "last", "_stream": '{service="api-gateway"}', "service": "api-gateway"},
    ]


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    """The store, with the lines of two native logs."""
    folder = tmp_path_factory.mktemp("native")
    logs = folder / "logs"
    logs.mkdir()
    (logs / "torchserve.log").write_text(LINE + "\n")
    (logs / "supervisord.log").write_text("spawned: 'torchserve' with pid 7\n")
    (port,) = free_ports(1)
    with log_store(folder / "store", port) as store, agent(logs, port, "*.log"):
        wait_until(lambda: len(everything(store)) == 2, "the lines have arrived", 30)
        yield store


def test_lines_of_the_native_logs_have_their_files_name_as_service(native: LogStore) -> None:
    line, plain = everything(native)
    assert line == STORED
    assert plain.pop("_time")
    assert plain == {
        "_msg": "spawned: 'torchserve' with pid 7",
        "_stream": '{service="supervisord"}',
        "service": "supervisord",
    }


def test_the_queries_of_the_dashboard_find_lines(native: LogStore) -> None:
    board = dashboards()["logs"]
    queries = {panel["title"]: target["expr"] for panel in board["panels"] for target in panel["targets"]}
    assert len(queries) >= 3
    variables = {"filter": "logger:=worker", "model": "yolo", "version": ".*"}
    for title, query in queries.items():
        for name, value in variables.items():
            query = query.replace(f"${{{name}:raw}}", value)
        assert "$" not in query.replace(")$", ""), title
        assert bool(native.query(query)) is ("status:>=400" not in query), title
