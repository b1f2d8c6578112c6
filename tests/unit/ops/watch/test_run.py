"""scripts/status.sh --watch as a process, against two servers that answer as told, come and go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from ops.store import audit
from tests.support import ROOT
from tests.support.answering import answering
from tests.support.ports import free_ports
from tests.support.terminal import CTRL_C, in_terminal
from tests.unit.ops.fake_server import FakeServer

SCRIPT = str(ROOT / "scripts/status.sh")


def gateway(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/metrics":
        return httpx.Response(200, text='gateway_requests_in_flight 3.0\ngateway_cache_total{outcome="hit"} 1.0\n')
    return httpx.Response(200, json={"model": {"version": "1.0"}})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A model store with an operation in its audit trail."""
    audit.record(tmp_path, "redeploy", "done", to="1.0")
    return tmp_path


@pytest.fixture
def environment(store: Path) -> dict[str, str]:
    """The variables of a checkout whose servers are on ports of their own, where none answers yet."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    names = ("GATEWAY_PORT", "MANAGEMENT_PORT", "INFERENCE_PORT")
    ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    return {**keep, **ports, "MODEL_STORE": str(store), "TMPDIR": str(store)}


@pytest.fixture
def service(store: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The same, with servers that answer."""
    with ExitStack() as stack:
        for name, answer in (("GATEWAY_PORT", gateway), ("MANAGEMENT_PORT", FakeServer(store))):
            environment[name] = stack.enter_context(answering(answer)).rpartition(":")[2]
        yield environment


def watch(environment: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SCRIPT, "--watch", *argv],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_a_terminal_it_prints_a_block_each_time(service):
    done = watch(service, "--count", "2", "--interval", "0.2")
    assert (done.returncode, done.stderr) == (0, "")
    blocks = done.stdout.strip().split("\n\nhttp://")
    assert len(blocks) == 2
    for block in blocks:
        assert "ready: version 1.0 is served" in block
        assert "3 in flight" in block
        assert "  yolo   1.0      current  1/1" in block
        assert "redeploy" in block


def test_a_service_that_is_not_there_is_not_an_error_of_the_view(environment):
    done = watch(environment, "--count", "1")
    assert (done.returncode, done.stderr) == (1, "")
    assert "not ready: the gateway does not answer" in done.stdout
    assert "no models: TorchServe does not answer" in done.stdout
    assert "redeploy" in done.stdout


@pytest.mark.parametrize("argv", [("--count", "1"), ("--interval", "2")])
def test_its_options_need_it(environment, argv):
    done = subprocess.run(["bash", SCRIPT, *argv], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{argv[0]} needs --watch" in done.stderr


@pytest.mark.parametrize(("columns", "rows"), [(24, 8), (100, 30)])
def test_on_a_terminal_it_follows_a_service_that_comes_and_goes_until_ctrl_c(environment, store, columns, rows):
    ports = [int(environment[name]) for name in ("GATEWAY_PORT", "MANAGEMENT_PORT")]
    argv = ["bash", SCRIPT, "--watch", "--interval", "0.2"]
    with in_terminal(argv, environment, ROOT, columns, rows) as seen:
        seen.read_until("not ready")
        with answering(gateway, ports[0]), answering(FakeServer(store), ports[1]):
            seen.read_until("version 1.0 is")
        seen.read_until("not ready")
        seen.press(CTRL_C)
        assert seen.wait() == 1  # it was not ready at the last look
    assert "Traceback" not in seen.output
    assert seen.output.index("\x1b[?1049h") < seen.output.rindex("\x1b[?1049l")  # the screen as it was before
    assert seen.output.index("\x1b[?25l") < seen.output.rindex("\x1b[?25h")
    assert "not ready: " in seen.output[seen.output.rindex("\x1b[?1049l") :]
