"""scripts/load.sh as a process, against a gateway that answers as told."""

from __future__ import annotations

import io
import os
import subprocess
import threading
from collections import Counter

import httpx
import pytest
from PIL import Image

from ops.load import picture, run
from ops.load.run import Job
from tests.support import ROOT
from tests.support.answering import answering
from tests.support.terminal import CTRL_C, in_terminal

SCRIPT = str(ROOT / "scripts/load.sh")
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
BUSY = {"error": {"code": "overloaded", "message": "Try again."}}


class Gateway:
    """Answers by a plan, in turn, and counts what it got."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = answers
        self.bodies: Counter[bytes] = Counter()
        self.queries: list[str] = []
        self.asked = 0
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            answer = self.answers[self.asked % len(self.answers)]
            self.asked += 1
            self.bodies[request.content] += 1
            self.queries.append(request.url.query.decode())
        return answer


def found(version: str = "1.0", **headers: str) -> httpx.Response:
    return httpx.Response(200, json={"detections": [], "model": {"name": "yolo", "version": version}}, headers=headers)


def load(cwd, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SCRIPT, *argv], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )


def test_it_sends_what_was_asked_for_and_sums_up_what_came_back(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.jpg").write_bytes(name.encode())
    gateway = Gateway(
        found("1.0"),
        found("1.1"),
        httpx.Response(503, json=BUSY, headers={"Retry-After": "2"}),
        found(**{"X-Cache": "HIT"}),
    )
    with answering(gateway) as url:
        done = load(tmp_path, "in", "--url", url, "--rate", "20", "--seconds", "2", "--version", "1.0")
    assert (done.returncode, done.stderr) == (0, "")
    # One picture was sent before, to see whether it can be answered at all.
    assert gateway.asked == 41
    assert gateway.bodies == {b"a": 21, b"b": 20}
    assert set(gateway.queries) == {"version=1.0"}
    assert "  requests    40, 30 answered with detections" in done.stdout
    assert "  rate        asked " in done.stdout
    assert "  statuses    200: 30, 503 overloaded: 10\n  versions    yolo 1.0: 20, yolo 1.1: 10\n" in done.stdout
    assert "  cache       10 answers came from the gateway's cache\n" in done.stdout
    assert "  refused     10 with Retry-After: 2 s\n" in done.stdout
    assert f"Load on {url}\n  1 s, asked " in done.stdout  # no terminal: a line each second


def test_where_nothing_is_answered_the_exit_code_says_so(tmp_path):
    with answering(Gateway(httpx.Response(503, json=BUSY, headers={"Retry-After": "1"}))) as url:
        done = load(tmp_path, "--url", url, "--rate", "5", "--seconds", "1")
    assert done.returncode == 1
    assert "  requests    5, 0 answered with detections" in done.stdout


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (
            httpx.Response(401, json={"error": {"code": "unauthenticated", "message": "A key is needed."}}),
            1,
            "A key is",
        ),
        (httpx.Response(404, json={"error": {"code": "model_not_found", "message": "No such model."}}), 1, "No such"),
        (httpx.Response(200, json={}), 1, "another program"),
    ],
)
def test_what_would_fail_for_each_picture_is_one_message_after_the_first(tmp_path, answer, code, told):
    gateway = Gateway(answer)
    with answering(gateway) as url:
        done = load(tmp_path, "--url", url)
    assert (done.returncode, gateway.asked) == (code, 1)
    assert told in done.stderr


def test_a_gateway_that_is_not_there_is_named_with_the_command_that_starts_it(tmp_path):
    done = load(tmp_path, "--url", "http://127.0.0.1:9")
    assert done.returncode == 5
    assert "http://127.0.0.1:9" in done.stderr
    assert "scripts/up.sh" in done.stderr


@pytest.mark.parametrize("argv", [("--rate", "0"), ("--seconds", "1e9"), ("--connections", "0"), ("--rate", "nan")])
def test_a_load_without_bounds_is_refused(tmp_path, argv):
    assert load(tmp_path, *argv).returncode == 2


def test_without_a_picture_a_drawn_one_is_sent_and_another_gateway_is_not_loaded_by_accident(monkeypatch):
    (drawn,) = run.read([])
    with Image.open(io.BytesIO(drawn)) as image:
        image.load()
        assert (image.format, image.size, image.mode) == ("PNG", (picture.WIDTH, picture.HEIGHT), "RGB")
        assert len(image.getcolors(1000)) > 10
    gateway, other = Gateway(found()), Gateway(found())
    with answering(gateway) as url, answering(other) as elsewhere:
        monkeypatch.setenv("GATEWAY_URL", elsewhere)
        monkeypatch.setenv("GATEWAY_PORT", url.rpartition(":")[2])
        assert run.run(Job(rate=5, seconds=1)) == 0
    assert (gateway.asked, other.asked) == (6, 0)


def test_no_more_requests_are_in_flight_than_connections_and_the_wait_counts(capsys):
    now, most, released = 0, 0, threading.Event()
    lock = threading.Lock()

    def gateway(request):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        released.wait(1.0)
        with lock:
            now -= 1
        return found()

    with answering(gateway) as url:
        run.run(Job(url=url, rate=4, seconds=1, connections=1))
    assert most == 1
    # Of the four answers, one a second, the last one was due 0.75 s after the first and came at least 3 s later.
    latency = next(line for line in capsys.readouterr().out.splitlines() if "latency" in line and "last" not in line)
    assert int(latency.split()[-2]) > 2500


def test_a_request_is_given_up_so_long_after_it_was_due(capsys):
    released = threading.Event()
    asked = 0

    def gateway(request):
        nonlocal asked
        asked += 1
        if asked > 1:
            released.wait(60)
        return found()

    with answering(gateway) as url:
        assert run.run(Job(url=url, rate=10, seconds=1, timeout=2.0, connections=2)) == 1
        released.set()
    assert "  no answer   later than 2 s: 10\n" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [24, 80])
def test_ctrl_c_on_a_terminal_ends_the_view_with_the_summary(tmp_path, columns):
    argv = ["bash", SCRIPT, "--rate", "20", "--seconds", "600"]
    with answering(Gateway(found())) as url, in_terminal([*argv, "--url", url], ENVIRONMENT, tmp_path, columns) as seen:
        seen.read_until("1.0:")  # the versions are shown
        seen.press(CTRL_C)
        assert seen.wait() == 130
    shown = seen.output
    assert "Traceback" not in shown
    assert shown.rstrip().endswith("interrupted")
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")  # the cursor is back
    assert " answered with detections" in shown[shown.rindex("\x1b[?25h") :]
