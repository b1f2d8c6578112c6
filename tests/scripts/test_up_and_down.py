"""up.sh and down.sh: which way they go, and what they say when that way is closed."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ops.paths import store_of
from ops.store import lock
from tests.support import env_lines


@pytest.fixture
def python(checkout, tmp_path):
    """A Python that reads command lines and otherwise only records its calls; also in place of the environment's."""
    calls = tmp_path / "python-calls"
    reads_command_line = f'case "$*" in -c*) exit 0 ;; *--for-shell*) exec "{sys.executable}" "$@" ;; esac\n'
    program = f'#!/bin/sh\n{reads_command_line}echo "$*" >>"{calls}"\n'
    for path in (tmp_path / "fake-python", checkout.root / ".venv/bin/python"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(program)
        path.chmod(0o755)
    checkout.environment["PYTHON"] = str(tmp_path / "fake-python")
    return lambda: calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def started(docker):
    docker.answer("compose", "port", "api-gateway", "8000", say="127.0.0.1:1\n")
    return docker


def test_with_an_engine_the_stack_is_built_started_and_waited_for(checkout, started):
    done = checkout.run("up.sh")
    assert ["compose", "up", "-d", "--build", "--wait"] in started.calls
    assert "+ docker compose up -d --build --wait" in done.stdout


def test_released_images_are_run_as_they_are_and_nothing_is_built(checkout, started):
    (checkout.root / ".env").write_text("IMAGE_TAG=1.4\nIMAGE_POLICY=never\n")
    checkout.run("up.sh", AUTH="on")
    assert ["compose", "up", "-d", "--no-build", "--wait"] in started.calls
    assert started.called("compose", "build") == []


def test_a_released_image_that_is_not_here_is_named_before_anything_starts(checkout, started):
    started.answer("compose", "config", "--images", say="redis:7\nyolo-serving/torchserve:1.4\n")
    started.answer("image", "inspect", "yolo-serving/torchserve:1.4", exit=1)
    done = checkout.run("up.sh", IMAGE_POLICY="never")
    assert (done.returncode, started.called("compose", "up")) == (1, [])
    assert "Pull it: bash scripts/release_images.sh pull 1.4" in done.stderr


@pytest.fixture
def gateway(docker):
    """A gateway that asks for the key `right`; remembers the keys it was shown."""
    shown = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            shown.append(self.headers["X-API-Key"])
            self.send_response(200 if shown[-1] == "right" else 401)
            self.end_headers()
            self.wfile.write(b'{"the": "answer"}')

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        docker.answer("compose", "port", "api-gateway", "8000", say=f"127.0.0.1:{server.server_port}\n")
        yield shown
        server.shutdown()


def test_a_gateway_that_asks_for_a_key_is_up_all_the_same(checkout, gateway):
    (checkout.root / "samples/street.jpg").write_bytes(b"picture")
    done = checkout.run("up.sh")
    assert done.returncode == 0, done.stderr
    assert "requires an API key: bash scripts/keys.sh add NAME" in done.stdout
    assert gateway == [None]


def test_the_key_that_is_given_is_shown_to_the_gateway_and_to_nobody_else(checkout, gateway):
    (checkout.root / "samples/street.jpg").write_bytes(b"picture")
    done = checkout.run("up.sh", YOLO_API_KEY="right")
    assert done.returncode == 0, done.stderr
    assert gateway == ["right"]
    assert '{"the": "answer"}' in done.stdout
    assert "right" not in done.stdout + done.stderr


def test_a_gateway_that_would_refuse_to_be_published_is_asked_before_anything_starts(checkout, docker):
    docker.answer("compose", "config", say="      PUBLISHED_BIND: 0.0.0.0\n")
    docker.answer("compose", "run", complain="The gateway would be open to others\n", exit=2)
    done = checkout.run("up.sh")
    assert done.returncode == 1
    assert "would be open to others" in done.stderr
    assert "Nothing was started" in done.stderr
    assert docker.called("compose", "up") == []
    (asked,) = docker.called("compose", "run")
    assert asked[2:] == ["--rm", "-T", "--no-deps", "api-gateway", "python", "-m", "gateway", "check"]


AS_DELIVERED = """\
      AUTH: auto
      JWT_JWKS_URL: ""
      JWT_SECRET_FILE: ""
      PUBLISHED_BIND: 127.0.0.1
      PUBLISHED_PROFILES: ""
"""


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        (("", ""), False),
        (("127.0.0.1", "0.0.0.0"), True),
        (("127.0.0.1", '"::"'), True),
        (('PROFILES: ""', "PROFILES: redis"), False),
        (('PROFILES: ""', "PROFILES: redis,edge"), True),
        (("auto", '"on"'), True),
        (("auto", "Auto"), False),
        (('JWKS_URL: ""', "JWKS_URL: https://id.example.org/keys"), True),
        (('SECRET_FILE: ""', "SECRET_FILE: secrets/jwt"), True),
    ],
)
def test_a_gateway_is_asked_only_where_it_may_have_reasons_to_refuse(checkout, started, changed, asked):
    started.answer("compose", "config", say=AS_DELIVERED.replace(*changed))
    done = checkout.run("up.sh")
    assert len(started.called("compose", "run")) == asked, done.stderr
    assert len(started.called("compose", "up")) == 1


def test_a_gateway_that_would_refuse_the_rates_of_models_is_asked_before_anything_starts(checkout, docker):
    (checkout.root / "models/models.toml").write_text('[helmets]\nrate_limit = "fast"\n')
    docker.answer("compose", "config", say=AS_DELIVERED)
    docker.answer("compose", "run", complain="[helmets] rate_limit\n", exit=2)
    done = checkout.run("up.sh")
    assert (done.returncode, docker.called("compose", "up")) == (1, [])
    assert "[helmets] rate_limit" in done.stderr


def test_without_an_engine_the_service_runs_natively_and_says_why(checkout, docker, python):
    docker.answer("info", exit=1)
    done = checkout.run("up.sh")
    assert done.returncode == 0, done.stderr
    assert "no engine answers" in done.stdout
    assert python()[-2:] == ["-m ops.setup.environment", "-m ops up"]
    assert docker.called("compose", "up") == []


def test_native_means_native_even_with_an_engine(checkout, docker, python):
    done = checkout.run("up.sh", "--native")
    assert done.returncode == 0, done.stderr
    assert python()[-1] == "-m ops up"
    assert docker.calls == []


def test_docker_asked_for_and_not_there_is_an_error_with_the_fix(checkout, docker, python):
    docker.answer("info", exit=1)
    done = checkout.run("up.sh", "--docker")
    assert done.returncode == 1
    assert "bash scripts/up.sh --native" in done.stderr
    assert python() == []


def test_a_stack_that_does_not_become_healthy_shows_its_logs(checkout, docker):
    docker.answer("compose", "up", exit=1)
    docker.answer("compose", "logs", say="model-archiver-1 | error: there is no best.pt\n")
    done = checkout.run("up.sh", "--docker")
    assert done.returncode == 1
    assert "there is no best.pt" in done.stderr
    assert docker.calls[-1] == ["compose", "down"]


def test_a_failed_update_does_not_stop_what_ran_before(checkout, docker):
    docker.answer("compose", "up", exit=1)
    docker.answer("compose", "ps", "-q", say="0123456789ab\n")
    assert checkout.run("up.sh", "--docker").returncode == 1
    assert ["compose", "down"] not in docker.calls


@pytest.fixture
def somebody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def config(gateway: int) -> str:
    """What `docker compose config` prints of a port."""
    return f'    ports:\n      - mode: ingress\n        target: 8000\n        published: "{gateway}"\n'


def test_a_port_that_is_taken_is_named_with_the_fix_and_nothing_starts(checkout, docker, somebody_listens):
    docker.answer("compose", "config", say=config(somebody_listens))
    docker.answer("compose", "port", exit=1)
    done = checkout.run("up.sh", "--docker")
    assert done.returncode == 1
    assert f"port {somebody_listens} is taken" in done.stderr
    assert f"GATEWAY_PORT={somebody_listens + 1000}" in done.stderr
    assert "Nothing was started" in done.stderr
    assert docker.called("compose", "up") == []


def test_a_port_that_the_stack_itself_holds_is_not_taken(checkout, started, somebody_listens):
    started.answer("compose", "config", say=config(somebody_listens))
    checkout.run("up.sh", "--docker")
    assert ["compose", "up", "-d", "--build", "--wait"] in started.calls


def test_weights_that_lie_elsewhere_are_copied_into_the_checkout_first(checkout, started, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"weights")
    checkout.run("up.sh", "--docker", WEIGHTS=str(tmp_path / "mine.pt"))
    assert (checkout.root / "models/weights/best.pt").read_bytes() == b"weights"


def test_weights_already_there_are_not_replaced(checkout, started, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"others")
    best = checkout.root / "models/weights/best.pt"
    best.write_bytes(b"weights")
    (checkout.root / ".env").write_text(f"WEIGHTS={tmp_path}/mine.pt\n")
    checkout.run("up.sh", "--docker")
    assert best.read_bytes() == b"weights"


def test_weights_that_are_not_there_are_named_before_anything_starts(checkout, docker):
    (checkout.root / ".env").write_text("WEIGHTS=/nowhere/best.pt\n")
    done = checkout.run("up.sh", "--docker")
    assert done.returncode == 1
    assert "WEIGHTS=/nowhere/best.pt: there is no such file" in done.stderr
    assert docker.called("compose", "up") == []


def test_weights_at_an_address_are_left_to_the_container(checkout, started):
    done = checkout.run("up.sh", "--docker", WEIGHTS="https://weights.test/best.pt")
    assert ["compose", "up", "-d", "--build", "--wait"] in started.calls, done.stderr


@pytest.mark.parametrize("script", ["up.sh", "down.sh", "status.sh", "test.sh", "package_mar.sh"])
def test_help_says_how_and_does_nothing(checkout, docker, python, script):
    done = checkout.run(script, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.lower().startswith(f"usage: bash scripts/{script}")
    assert docker.calls == []
    assert python() == []


@pytest.mark.parametrize("script", ["up.sh", "down.sh", "status.sh", "package_mar.sh"])
def test_an_argument_not_understood_is_exit_2_and_does_nothing(checkout, docker, python, script):
    done = checkout.run(script, "--dokcer")
    assert done.returncode == 2
    assert "--dokcer" in done.stderr
    assert docker.calls == []
    assert python() == []


def test_down_stops_both_the_native_services_and_the_stack(checkout, docker, python):
    (checkout.root / ".run").mkdir()
    docker.answer("compose", "ps", "-aq", say="0123456789ab\n")
    done = checkout.run("down.sh")
    assert done.returncode == 0, done.stderr
    assert python() == ["-m ops down"]
    assert ["compose", "down"] in docker.calls


@pytest.mark.parametrize(("health", "code"), [("healthy", 0), ("unhealthy", 1), ("starting", 1)])
def test_status_of_the_stack_is_that_of_the_gateways_health(checkout, docker, health, code):
    docker.answer("compose", "ps", "-q", say="0123456789ab\n")
    docker.answer("inspect", "--format", say=f"{health}\n")
    done = checkout.run("status.sh")
    assert (done.returncode, "not ready" in done.stdout) == (code, bool(code)), done.stderr
    assert ["compose", "ps"] in docker.calls


def test_down_with_nothing_there_does_nothing(checkout, docker, python):
    done = checkout.run("down.sh")
    assert done.returncode == 0, done.stderr
    assert python() == []
    assert ["compose", "down"] not in docker.calls


@pytest.fixture
def slow_stack(checkout, started):
    """Compose commands that take a moment; returns what began and ended, in this order."""
    log = checkout.root / "log"
    for command in ("up", "down"):
        started.answer("compose", command, do=f'echo "{command} begins" >>log; sleep 0.4; echo "{command} ends" >>log')
    started.answer("compose", "ps", "-aq", say="0123456789ab\n")
    return lambda: log.read_text().splitlines()


@pytest.mark.parametrize("other", ["up", "down"])
def test_two_scripts_at_the_same_moment_work_one_after_the_other(checkout, slow_stack, other):
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(checkout.run, ["up.sh", f"{other}.sh"]))
    first, second = slow_stack()[0].split()[0], slow_stack()[2].split()[0]
    assert slow_stack() == [f"{first} begins", f"{first} ends", f"{second} begins", f"{second} ends"]
    assert sorted([first, second]) == sorted(["up", other])
    assert any("is at work in this folder; waiting for it" in one.stderr for one in done)


@pytest.mark.parametrize("model", ["yolo", "helmets"])
def test_the_stack_is_not_touched_while_a_release_is_at_work(checkout, slow_stack, model):
    argv = ["bash", str(checkout.root / "scripts/up.sh")]
    with lock.held(store_of(model, checkout.root / "serving/torchserve/model-store"), "redeploy of 1.1"):
        process = subprocess.Popen(argv, env=checkout.environment, stderr=subprocess.PIPE, text=True)
        waiting = process.stderr.readline()
        assert "Another operation is at work" in waiting
        assert ("unlock --model helmets" in waiting) is (model == "helmets")
        assert not (checkout.root / "log").exists()
    process.communicate(timeout=60)
    assert slow_stack() == ["up begins", "up ends"]


@pytest.mark.parametrize(
    "line", ['WEIGHTS="{}"', "WEIGHTS='{}'", "export WEIGHTS={}  # mine", "WEIGHTS = '{}' # mine\r"]
)
def test_quotes_and_comments_in_dotenv_are_no_part_of_the_path(checkout, started, tmp_path, line):
    mine = tmp_path / "mine 1.pt"
    mine.write_bytes(b"weights")
    (checkout.root / ".env").write_text(line.format(mine) + "\n")
    done = checkout.run("up.sh", "--docker")
    assert (checkout.root / "models/weights/best.pt").read_bytes() == b"weights", done.stderr


def test_a_value_of_dotenv_is_what_it_is_to_python_and_compose(checkout):
    read = 'source scripts/ops.sh; while IFS= read -rd "" text; do printf %s "$text" >.env; env_value X; echo; done'
    argv = ["bash", "-c", read]
    environment = {**checkout.environment, "FROM": env_lines.FROM}
    for texts, refused in ((list(env_lines.VALUES), False), (env_lines.REFUSED, True)):
        asked = "".join(f"{text}\0" for text in texts)
        done = subprocess.run(argv, cwd=checkout.root, env=environment, input=asked, capture_output=True, text=True)
        told = done.stdout.splitlines()
        assert dict(zip(texts, told, strict=True)) == (dict.fromkeys(texts, "") if refused else env_lines.VALUES)
        assert done.stderr.count(": X has a $ in its value") == len(texts) * refused
        assert done.stderr.count("single quotes: X='…'") == len(texts) * refused


def test_weights_whose_path_cannot_be_told_are_an_error_before_anything_starts(checkout, docker):
    (checkout.root / ".env").write_text("WEIGHTS=$HOME/best.pt\n")
    done = checkout.run("up.sh", "--docker")
    assert done.returncode == 1
    assert "error: .env, line 1: WEIGHTS has a $ in its value" in done.stderr
    assert docker.called("compose", "up") == []


@pytest.fixture
def model_store(checkout, python):
    """What a command is told of MODEL_STORE."""
    program = checkout.root / ".venv/bin/python"
    program.write_text('#!/bin/sh\necho "store: $MODEL_STORE"\n')
    return lambda *argv, **environment: checkout.run(*argv, **environment).stdout.splitlines()[-1]


def test_the_folder_of_the_archives_may_be_named_in_dotenv_and_in_the_environment(checkout, docker, model_store):
    assert model_store("up.sh", "--native") == "store: "
    (checkout.root / ".env").write_text("DISK='/big disk'\nMODEL_STORE=${DISK}/archives # mine\n")
    assert model_store("up.sh", "--native") == "store: /big disk/archives"
    assert model_store("status.sh") == "store: /big disk/archives"
    assert model_store("up.sh", "--native", MODEL_STORE="/other") == "store: /other"


def test_compose_has_its_own_folder_of_archives_and_says_so(checkout, started):
    done = checkout.run("up.sh", "--docker", MODEL_STORE="/other")
    assert "note: MODEL_STORE is used natively only" in done.stdout


@pytest.mark.parametrize(
    ("change", "restarted"),
    [(None, 0), (lambda path: path.write_text("[helmets]"), 1), (lambda path: path.unlink(), 1)],
)
def test_a_running_server_is_restarted_when_models_toml_changed_since_its_start(checkout, started, change, restarted):
    path = checkout.root / "models/models.toml"
    path.write_text("")
    for one in (path, path.parent):
        os.utime(one, (0, 0))
    started.answer("ps", "-q", "torchserve", say="0123abcd\n")
    started.answer("ps", "-q", "api-gateway", say="4567ef\n")
    started.answer("inspect", "0123abcd", say="2001-02-03T04:05:06.789012345Z\n")
    started.answer("inspect", "4567ef", say="2001-02-03T04:05:07.789012345Z\n")
    if change:
        change(path)
    checkout.run("up.sh", "--docker")
    assert started.calls.count(["compose", "restart", "torchserve"]) == restarted
    assert started.calls.count(["compose", "restart", "api-gateway"]) == restarted


def test_several_running_gateways_are_restarted_when_models_toml_changed(checkout, started):
    (checkout.root / "models/models.toml").write_text("[helmets]")
    started.answer("ps", "-q", "api-gateway", say="4567ef\n89ab01\n")
    started.answer("inspect", "4567ef", say="2001-02-03T04:05:07.789012345Z\n")
    checkout.run("up.sh", "--docker")
    assert started.calls.count(["compose", "restart", "api-gateway"]) == 1


@pytest.mark.parametrize(("runs", "packaged", "restarted"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_a_running_server_is_restarted_on_an_archive_that_was_made_meanwhile(
    checkout, started, runs, packaged, restarted
):
    archive = "serving/torchserve/model-store/yolo.mar"
    (checkout.root / archive).write_text("old")
    if packaged:
        started.answer("compose", "up", "--build", do=f"echo new >{archive}.new; mv {archive}.new {archive}")
    if runs:
        started.answer("ps", "-q", "torchserve", say="0123abcd\n")
    checkout.run("up.sh", "--docker")
    assert started.calls.count(["compose", "restart", "torchserve"]) == restarted


def test_a_new_archive_of_any_model_restarts_a_running_server(checkout, started):
    started.answer("compose", "ps", "-q", "torchserve", say="0123abcd\n")
    started.answer(
        "compose",
        "up",
        "--build",
        do=f"touch {shlex.quote(str(checkout.root))}/serving/torchserve/model-store/helmets.mar",
    )
    checkout.run("up.sh")
    assert started.calls.count(["compose", "restart", "torchserve"]) == 1


def test_the_wish_for_weights_is_unused_where_yolo_pt_holds_them(checkout, started, tmp_path):
    (checkout.root / "models/weights/yolo.pt").write_bytes(b"mine")
    (tmp_path / "other.pt").write_bytes(b"other")
    done = checkout.run("up.sh", WEIGHTS=str(tmp_path / "other.pt"))
    assert "is not used, because models/weights/yolo.pt is there already" in done.stdout
    assert not (checkout.root / "models/weights/best.pt").exists()


def test_weights_that_are_not_used_are_named_with_the_reason(checkout, started, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"others")
    best = checkout.root / "models/weights/best.pt"
    best.write_bytes(b"weights")
    for given in (str(tmp_path / "mine.pt"), "/nowhere/best.pt", "https://me:geheim@host/best.pt"):
        done = checkout.run("up.sh", "--docker", WEIGHTS=given)
        assert "is not used, because models/weights/best.pt is there already" in done.stdout
        assert "geheim" not in done.stdout + done.stderr
    assert "not used" not in checkout.run("up.sh", "--docker", WEIGHTS=str(best)).stdout


def test_lines_of_dotenv_that_set_nothing_are_named(checkout, started):
    (checkout.root / ".env").write_text("# ok\nGATEWAY_PORT: 8011\nA='x\ny: z'\nexport B=1\nPASSWORD geheim\n")
    done = checkout.run("up.sh", "--docker")
    named = [line for line in done.stderr.splitlines() if line.startswith("note: .env")]
    assert [line.split()[3] for line in named] == ["2", "6"]
    assert "GATEWAY_PORT" in named[0]
    assert "8011" not in done.stderr


def test_a_folder_whose_path_breaks_a_program_is_refused_before_anything_is_installed(checkout, docker, folder):
    odd = folder / "yolo: a #1"
    checkout.root.rename(odd)
    checkout.root = odd
    done = checkout.run("up.sh", "--native")
    assert done.returncode == 1
    assert "the path of this folder has ':', ' #' in it" in done.stderr
    assert not (odd / ".venv").exists()
