"""scripts/predict.sh as a process, against the gateway in front of the fake TorchServe."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, serving, torchserve_error
from tests.gateway.support.pictures import picture
from tests.support import ROOT, wait_until
from tests.support.endpoints import HTTP

JPEG = picture("JPEG")
SCRIPT = str(ROOT / "scripts/predict.sh")
Predict = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gateway(settings: SettingsMaker, fake: FakeTorchServe) -> Iterator[str]:
    with serving(create_app(settings()), lifespan="on") as url:
        wait_until(lambda: HTTP.get(f"{url}/health/ready").status_code == 200, "the gateway is ready")
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "in"
    pictures.mkdir()
    for number in range(6):
        (pictures / f"{number}.jpg").write_bytes(JPEG + bytes([number]))
    return tmp_path


def start(folder: Path, *argv: str, **env: str) -> subprocess.Popen[str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        ["bash", SCRIPT, *argv],
        cwd=folder,
        env={**keep, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def predict(gateway: str, folder: Path) -> Predict:
    def run(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        process = start(folder, *argv, GATEWAY_URL=gateway, **env)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    return run


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_folder_becomes_lines_and_a_summary(predict: Predict, folder: Path, fake: FakeTorchServe) -> None:
    done = predict("in", "--out", "out.jsonl", "--conf", "0.4", "--classes", "person,bus")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    found = sorted(records(folder / "out.jsonl"), key=lambda line: line["source"])
    assert [line["source"] for line in found] == [f"in/{number}.jpg" for number in range(6)]
    assert found[0]["detections"][0]["class"] == "person"
    assert found[0]["model"] == {"name": "yolo", "version": "1.0"}
    assert {tuple(asked.query.items()) for asked in fake.predictions} == {(("conf", "0.4"), ("classes", "person,bus"))}
    for part in ("6 done", "12: person 6, bus 6", "images/s, p50", "out.jsonl"):
        assert part in done.stderr


def test_a_name_with_a_comma_is_selected_by_repeating_classes(predict: Predict, fake: FakeTorchServe) -> None:
    done = predict("in/0.jpg", "--classes", "light, red", "--classes", "bus")
    assert done.returncode == 0, done.stderr
    assert [asked.query for asked in fake.predictions] == [{"classes": '["light,red","bus"]'}]


def test_it_gets_only_the_variables_of_the_caller_that_it_needs(folder: Path) -> None:
    wrapper = folder / "bin" / "python"
    wrapper.parent.mkdir()
    wrapper.write_text("#!/bin/sh\nenv\n")
    wrapper.chmod(0o755)
    script = (ROOT / "scripts/predict.sh").read_text().replace('exec "$python"', f'exec "{wrapper}"')
    script = script.replace('"$(dirname -- "${BASH_SOURCE[0]}")/.."', f'"{ROOT}"')
    secret = {"AWS_SECRET_ACCESS_KEY": "hidden", "REDIS_URL": "redis://:hidden@redis", "LS": "hidden"}
    needed = {"YOLO_API_KEY": "key", "GATEWAY_URL": "http://g", "LC_ALL": "C.UTF-8", "GATEWAY_PORT": "1"}
    done = subprocess.run(
        ["bash", "-c", script, "predict.sh", "in"],
        env={"PATH": os.environ["PATH"], "HOME": "/", **secret, **needed},
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert needed.items() <= found.items()
    assert "hidden" not in done.stdout


def test_a_second_run_asks_only_for_what_is_missing(predict: Predict, folder: Path, fake: FakeTorchServe) -> None:
    assert predict("in/[0-3].jpg", "--out", "out.jsonl").returncode == 0
    again = predict("in", "--out", "out.jsonl")
    assert again.returncode == 0
    assert "2 done, 4 were there already" in again.stderr
    assert len(fake.predictions) == 6
    assert len(records(folder / "out.jsonl")) == 6


def test_without_an_output_a_person_reads_it(predict: Predict) -> None:
    done = predict("in/0.jpg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "0.jpg (810×1080), model yolo 1.0:"
    assert "person" in done.stdout


def test_lines_can_be_piped(predict: Predict) -> None:
    done = predict("in", "--out", "-", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 6


@pytest.mark.parametrize(
    ("kind", "out", "check"),
    [
        ("csv", "t.csv", lambda path: path.read_text().count("\n") == 13),
        ("coco", "r.json", lambda path: len(json.loads(path.read_text())) == 12),
        ("yolo", "labels", lambda path: (path / "5.txt").read_text().startswith("0 0.43")),
    ],
)
def test_every_format_is_written_and_resumed(
    predict: Predict, folder: Path, fake: FakeTorchServe, kind: str, out: str, check: Callable[[Path], bool]
) -> None:
    assert predict("in/0.jpg", "--format", kind, "--out", out).returncode == 0
    done = predict("in", "--format", kind, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "5 done, 1 were there already" in done.stderr
    assert check(folder / out)
    assert len(fake.predictions) == 6
    assert not list(folder.rglob(".*.part"))


def test_one_bad_picture_is_named_and_stops_no_other(predict: Predict, folder: Path) -> None:
    (folder / "in/2.jpg").write_text("no picture")
    (folder / "in/3.jpg").unlink()
    (folder / "in/3.jpg").symlink_to("/proc/self/mem")  # is there, cannot be read
    done = predict("in", "--out", "out.jsonl")
    assert done.returncode == 1
    assert "in/2.jpg: 415 unsupported_image" in done.stderr
    assert "in/3.jpg: " in done.stderr
    assert "4 done, 2 failed" in done.stderr
    (folder / "in/2.jpg").write_bytes(JPEG)
    (folder / "in/3.jpg").unlink()
    done = predict("in", "--out", "out.jsonl")
    assert done.returncode == 0, "what failed is asked for again"
    assert "1 done, 4 were there already" in done.stderr


def test_a_busy_gateway_is_asked_again(predict: Predict, fake: FakeTorchServe) -> None:
    lock, busy = threading.Lock(), [0]

    def sometimes(asked: Any) -> Answer:
        with lock:
            busy[0] += 1
            first = busy[0] <= 3
        return torchserve_error(503, "ServiceUnavailableException", "full") if first else Answer([STREET])

    fake.predict = sometimes
    started = time.monotonic()
    done = predict("in", "--out", "out.jsonl", "--jobs", "3")
    assert done.returncode == 0, done.stderr
    assert "6 done" in done.stderr
    assert "waited      3 times" in done.stderr
    assert time.monotonic() - started >= 1, "Retry-After: 1 was honoured"


def test_a_gateway_that_stays_busy_fails_the_picture_in_its_own_words(predict: Predict, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "full")
    done = predict("in/0.jpg", "--out", "out.jsonl", "--retries", "0")
    assert done.returncode == 1
    assert "in/0.jpg: 503 overloaded: " in done.stderr
    assert "try again in a moment" in done.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_whole_lines_and_is_gone_on_with(
    gateway: str, folder: Path, fake: FakeTorchServe, stop: signal.Signals
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=0.3)
    out = folder / "out.csv"
    lines = folder / "out.csv.lines"
    process = start(folder, "in", "--format", "csv", "--out", "out.csv", "--jobs", "1", GATEWAY_URL=gateway)
    wait_until(lambda: lines.exists() and lines.read_text().count("\n") >= 2, "two pictures are done")
    process.send_signal(stop)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    done = len(records(lines))
    assert 2 <= done < 6
    assert out.read_text().count("\n") == 1 + 2 * done
    fake.predict = lambda asked: Answer([STREET])
    process = start(folder, "in", "--format", "csv", "--out", "out.csv", GATEWAY_URL=gateway)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"{6 - done} done, {done} were there already" in err
    assert out.read_text().count("\n") == 13


def test_no_gateway_is_exit_5_and_leaves_nothing(folder: Path, unused_url: str) -> None:
    process = start(folder, "in", "--out", "out.jsonl", GATEWAY_URL=unused_url)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 5
    assert "bash scripts/up.sh" in err
    assert not (folder / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "arguments are required: PICTURE"),
        (["absent.jpg", "--out", "x"], "absent.jpg: no such file"),
        (["in", "--format", "csv"], "--format csv needs --out"),
        (["in", "--out", "-", "--format", "csv"], "--out - prints jsonl"),
        (["in", "--out", "x", "--every", "5"], "--every is for addresses"),
        (["in", "--out", "x", "--count", "5"], "--count needs --every"),
        (["in", "--out", "x", "--annotations", "y"], "--annotations needs --format coco"),
        (["in", "--out", "x", "--url", "http://[::bad"], "not the address of a gateway"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what_is_wrong(predict: Predict, argv: list[str], says: str) -> None:
    done = predict(*argv)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert says in done.stderr


def test_pictures_are_drawn_by_the_gateway(predict: Predict, folder: Path) -> None:
    done = predict("in", "--format", "jpeg", "--out", "drawn")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (folder / "drawn").iterdir()} == {f"{number}.jpg" for number in range(6)}
    assert (folder / "drawn/0.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert "6 were there already" in predict("in", "--format", "jpeg", "--out", "drawn").stderr


def test_a_gateway_that_cannot_draw_is_found_out_before_anything_is_asked(folder: Path) -> None:
    with serving(Guard(draws=False)) as url:
        process = start(folder, "in", "--format", "jpeg", "--out", "drawn", GATEWAY_URL=url)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot draw" in err
    assert not (folder / "drawn").exists()


class Camera:
    """Gives a picture to who knows the password; `way` is how it asks for it."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.given = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        shown = dict(scope["headers"]).get(b"authorization", b"").decode()
        basic = "Basic " + base64.b64encode(b"user:geheim").decode()
        good = shown == basic if self.way == "basic" else shown.startswith("Digest ") and 'username="user"' in shown
        challenge = b'Digest realm="cam", nonce="abc", qop="auth"' if self.way == "digest" else b'Basic realm="cam"'
        status = 200 if good else 401
        self.given += good
        headers = [(b"www-authenticate", challenge)] if not good else [(b"content-type", b"image/jpeg")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": JPEG if good else b""})


@pytest.mark.parametrize("way", ["basic", "digest"])
def test_a_camera_is_watched_and_its_password_stays_unsaid(predict: Predict, folder: Path, way: str) -> None:
    camera = Camera(way)
    with serving(camera) as url:
        address = f"{url.replace('http://', 'http://user:geheim@')}/snapshot.jpg"
        done = predict(address, "--every", "0.1", "--count", "3", "--out", "out.jsonl")
        assert done.returncode == 0, done.stderr
        wrong = predict(address.replace("geheim", "falsch"), "--out", "wrong.jsonl") if way == "basic" else None
    assert camera.given == 3
    sources = [line["source"] for line in records(folder / "out.jsonl")]
    assert len(set(sources)) == 3
    assert all(source.startswith(f"{url}/snapshot.jpg#20") for source in sources)
    assert "geheim" not in (folder / "out.jsonl").read_text() + done.stdout + done.stderr
    if wrong is not None:
        assert wrong.returncode == 1
        assert f"{url}/snapshot.jpg: answered 401" in wrong.stderr
        assert "falsch" not in wrong.stderr + wrong.stdout


class Guard:
    """A gateway that lets in who shows the key, then draws."""

    def __init__(self, draws: bool = True) -> None:
        self.parameters = [{"name": "format"}] if draws else []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        known = dict(scope["headers"]).get(b"x-api-key") == b"the-key"
        kind, body, status = b"application/json", b"{}", 200
        if scope["path"] == "/openapi.json":
            body = json.dumps({"paths": {"/predict": {"post": {"parameters": self.parameters}}}}).encode()
        elif not known:
            status = 401
            body = b'{"status":"error","error":{"code":"unauthenticated","message":"Show a key."},"request_id":null}'
        elif b"format=png" in scope["query_string"]:
            kind, body = b"image/png", b"\x89PNG drawn"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body})


def test_the_key_is_shown_and_without_it_everything_ends_at_once(folder: Path) -> None:
    (folder / "key").write_text("the-key\n")
    with serving(Guard()) as url:
        without = start(folder, "in", "--format", "png", "--out", "drawn", GATEWAY_URL=url)
        out, err = without.communicate(timeout=20)
        assert without.returncode == 1
        assert "401 unauthenticated: Show a key." in out + err
        assert "bash scripts/keys.sh add" in err
        wrong = start(folder, "in", "--out", "x", "--api-key-file", "nowhere", GATEWAY_URL=url)
        assert "--api-key-file nowhere: No such file" in wrong.communicate(timeout=20)[1]
        with_variable = start(
            folder, "in/0.jpg", "--format", "png", "--out", "v", GATEWAY_URL=url, YOLO_API_KEY="the-key"
        )
        with_variable.communicate(timeout=20)
        assert with_variable.returncode == 0
        process = start(folder, "in", "--format", "png", "--out", "drawn", "--api-key-file", "key", GATEWAY_URL=url)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
    assert {path.read_bytes() for path in (folder / "drawn").iterdir()} == {b"\x89PNG drawn"}
    assert "detections" not in err


def test_code_in_the_callers_folder_is_not_taken_for_ours(predict: Predict, folder: Path) -> None:
    (folder / "ops").mkdir()
    (folder / "ops/__init__.py").write_text("raise SystemExit('taken')")
    (folder / "json.py").write_text("raise SystemExit('taken')")
    assert predict("in/0.jpg").returncode == 0


def test_another_model_is_asked_and_an_unknown_one_is_named_before_any_picture_is_sent(
    predict: Predict, folder: Path, fake: FakeTorchServe
) -> None:
    fake.others = {"helmets": {"1.0": ["READY"]}}
    done = predict("in", "--model", "helmets", "--out", "found.jsonl")
    assert done.returncode == 0, done.stderr
    assert {line["model"]["name"] for line in records(folder / "found.jsonl")} == {"helmets"}
    asked = len(fake.predictions)
    done = predict("in", "--model", "plates", "--out", "other.jsonl")
    assert done.returncode == 2
    assert "There is no model 'plates'; those that are served are 'yolo', 'helmets'." in done.stderr
    assert len(fake.predictions) == asked
    assert not (folder / "other.jsonl").exists()
