"""One after the other on one running stack: what a newcomer does, then what goes wrong. Order matters."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest

from tests.compose.stack import OWNER
from tests.support import BAD_INPUTS, assert_street_coco, env_lines, wait_until
from tests.support.archives import renamed
from tests.support.endpoints import HTTP

SERVERS = ("torchserve", "api-gateway")
# Connecting to a server that is not there takes up to CONNECT_TIMEOUT_S, 3 s. Against the 60 s that the gateway waits
# for one that is there, this is at once, on a busy machine too.
AT_ONCE_S = 15.0


def normals(names: list[str]) -> int:
    return names.count("Normal")


def test_one_command_on_a_fresh_clone_ends_with_both_services_healthy(running):
    assert set(running.services()) == {"weights", "model-archiver", *SERVERS}
    for name in SERVERS:
        assert running.inspect(name)["State"]["Health"]["Status"] == "healthy"
    for name in ("weights", "model-archiver"):
        state = running.inspect(name)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), name


def test_what_the_first_start_laid_down_belongs_to_the_owner_of_the_checkout(service):
    owner = service.root.stat().st_uid
    laid_down = [*service.store.iterdir(), service.root / "models/weights/best.pt", *service.street.parent.iterdir()]
    assert {path.name for path in laid_down} >= {"yolo.mar", "yolo-1.0.mar", "best.pt", "street.jpg"}
    assert {path.stat().st_uid for path in laid_down} == {owner}
    assert owner == (OWNER if service.user else os.getuid())


def test_the_gateways_command_of_the_readme_finds_the_four_people(service):
    answer = service.run("curl", "-sS", "-F", "file=@samples/street.jpg", f"{service.gateway}/predict")
    body = json.loads(answer.stdout)
    assert body["status"] == "success"
    assert normals([found["class"] for found in body["detections"]]) >= 4
    assert body["model"] == {"name": "yolo", "version": "1.0"}


def test_torchserves_command_of_the_readme_finds_the_four_people(service):
    url = f"{service.inference}/predictions/yolo"
    (entry,) = json.loads(service.run("curl", "-sS", "-X", "POST", url, "-T", "samples/street.jpg").stdout)
    assert normals([box["name"] for box in entry["boxes"]]) >= 4


def test_the_page_for_browsers_is_in_the_image(service):
    page = HTTP.get(f"{service.gateway}/", headers={"Accept": "text/html"}, timeout=30)
    assert "<title>YOLO serving</title>" in page.text
    for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        assert HTTP.get(f"{service.gateway}/{name}", timeout=30).status_code == 200, name


def test_a_request_id_stands_in_both_logs(service):
    request = {"files": {"file": service.street.read_bytes()}, "headers": {"X-Request-ID": "look-for-me-1"}}
    assert service.predict(**request).json()["request_id"] == "look-for-me-1"
    for name in SERVERS:
        wait_until(lambda name=name: "look-for-me-1" in service.compose("logs", name), f"{name} logs the id")


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_bad_input_gets_its_own_error_and_the_next_picture_is_answered(service, bad):
    answer = service.predict(**bad.request())
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (bad.status, bad.code), body
    assert body["status"] == "error"
    assert body["error"]["message"]
    assert service.predict().status_code == 200


@pytest.mark.parametrize("name", SERVERS)
def test_a_container_runs_without_rights_it_does_not_need(service, name):
    description = service.inspect(name)
    host = description["HostConfig"]
    assert description["Config"]["User"] == "10001:10001"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not host["Privileged"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert description["Config"]["Healthcheck"]["Test"][0] == "CMD"
    status = service.compose("exec", "-T", name, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0


def test_the_archiver_ran_as_the_owner_and_kept_no_right(service):
    code = "print(open('/proc/self/status').read())"
    # The service's own entrypoint, with its last words (what it runs as the owner) replaced.
    (shell, flags, script) = service.inspect("model-archiver")["Config"]["Entrypoint"]
    told = script.replace("python -m ops package --if-needed", 'python -c "$0"')
    assert told != script
    run = ("docker", "compose", "run", "--rm", "-T", "--no-deps", "--entrypoint", shell, "model-archiver")
    status = service.run(*run, flags, told, code)
    assert status.returncode == 0, status.stdout
    fields = dict(line.split(":\t", 1) for line in status.stdout.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(service.root.stat().st_uid)] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == int(fields["CapBnd"], 16) == 0


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("torchserve", ("entrypoint", "healthcheck")),
        ("release", ("ops.__main__", "ops.releases.redeploy", "ops.traffic.autopilot", "ops.bluegreen.switch")),
        ("api-gateway", ("gateway.main",)),
    ],
)
def test_no_code_is_compiled_at_a_start(service, name, modules):
    code = (
        "import importlib, os, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "cached = {module.__name__: getattr(module, '__cached__', None) for module in list(sys.modules.values())}\n"
        "print(sorted(name for name, path in cached.items() if path and not os.path.exists(path)))\n"
    )
    run = ("docker", "compose", "run", "--rm", "-T", "--no-deps", "--entrypoint", "python", name)
    done = service.run(*run, "-c", code, *modules)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stdout


def test_what_loads_weights_has_no_network_and_no_address_of_a_download(service):
    archiver = service.inspect("model-archiver")
    assert archiver["HostConfig"]["NetworkMode"] == "none"
    assert archiver["HostConfig"]["ReadonlyRootfs"]
    assert not [pair for pair in archiver["Config"]["Env"] if pair.startswith("WEIGHTS=")]


def test_a_web_page_is_refused_on_every_port_and_a_program_is_not(service):
    for headers, host_counts in (({"Origin": "https://page.example"}, False), ({"Host": "page.example"}, True)):
        posted = HTTP.post(f"{service.management}/models", params={"url": "x.mar"}, headers=headers, timeout=30)
        called = HTTP.post(f"{service.inference}/predictions/yolo", content=b"x", headers=headers, timeout=30)
        assert (posted.status_code, called.status_code) == (403, 403)
        assert posted.json()["type"] == "RequestRefused"
        if host_counts:
            assert HTTP.get(f"{service.gateway}/models", headers=headers, timeout=30).status_code == 421
    assert HTTP.get(f"{service.management}/models", timeout=30).status_code == 200


def test_a_container_holds_the_variables_it_needs(service):
    for name in SERVERS:
        listed = service.compose("exec", "-T", name, "cat", "/proc/1/environ").split("\0")
        found = {pair.partition("=")[0] for pair in listed} - {""}
        assert found <= {pair.partition("=")[0] for pair in service.inspect(name)["Config"]["Env"]} | {
            *("HOME", "HOSTNAME", "LC_CTYPE")
        }
        assert ("REDIS_URL" in found) == (name == "api-gateway")


def test_only_loopback_is_published_and_the_model_store_cannot_be_written(service):
    for name in SERVERS:
        description = service.inspect(name)
        published = description["NetworkSettings"]["Ports"]
        assert {binding["HostIp"] for bindings in published.values() for binding in bindings or []} == {"127.0.0.1"}
        assert not [mount for mount in description["Mounts"] if mount["RW"]]
    assert set(service.inspect("torchserve")["NetworkSettings"]["Ports"]) == {"8085/tcp", "8086/tcp"}


def test_only_archives_of_the_model_store_can_be_registered(service):
    for url in (
        "http://api-gateway:8000/yolo.mar",
        "file:///app/serving/torchserve/config.properties",
        "/app/serving/torchserve/config.properties",
        "/app/serving/torchserve/yolo",
        "../config.properties",
    ):
        answer = HTTP.post(f"{service.management}/models", params={"url": url}, timeout=60)
        assert 400 <= answer.status_code < 500, f"{url}: {answer.text}"
        loaded = HTTP.get(f"{service.management}/models/yolo/all", timeout=30).json()
        assert len(loaded) == len(HTTP.get(f"{service.management}/models", timeout=30).json()["models"]) == 1, url


def test_torchserve_stays_on_loopback_whatever_bind_says(service):
    config = json.loads(service.run("docker", "compose", "config", "--format", "json", BIND="0.0.0.0").stdout)
    addresses = {
        port["target"]: port["host_ip"] for name in SERVERS for port in config["services"][name].get("ports", [])
    }
    assert addresses == {8085: "127.0.0.1", 8086: "127.0.0.1", 8000: "0.0.0.0"}


def test_the_model_server_has_no_way_out(service):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    done = service.run("docker", "compose", "exec", "-T", "torchserve", "python", "-c", code)
    assert done.returncode != 0


def test_up_again_changes_nothing(service):
    before = {name: service.inspect(name)["Id"] for name in SERVERS}
    archives = {path.name: path.stat().st_mtime_ns for path in service.store.iterdir()}
    done = service.run("bash", "scripts/up.sh", "--docker")
    assert done.returncode == 0, done.stdout
    assert normals(done.stdout.split('"')) >= 4
    assert {name: service.inspect(name)["Id"] for name in SERVERS} == before
    assert {path.name: path.stat().st_mtime_ns for path in service.store.iterdir()} == archives


def test_a_killed_worker_comes_back_and_readiness_tells_the_truth_meanwhile(service):
    code = (
        "import os, pathlib\n"
        "for process in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "    if int(process.name) != os.getpid() and b'model_service_worker' in (process / 'cmdline').read_bytes():\n"
        "        os.kill(int(process.name), 9)\n"
    )
    service.compose("exec", "-T", "torchserve", "python", "-c", code)
    wait_until(lambda: not service.ready(), "readiness says no")
    service.wait_ready()
    assert service.predict().status_code == 200
    assert service.inspect("torchserve")["RestartCount"] == 0


def test_a_killed_torchserve_comes_back_and_the_gateway_says_so_at_once_meanwhile(service):
    service.kill("torchserve")
    answer = service.predict(timeout=AT_ONCE_S)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] in {"backend_unavailable", "model_not_ready"}
    assert int(answer.headers["retry-after"]) >= 1
    service.wait_ready()
    assert service.inspect("torchserve")["RestartCount"] == 1
    assert service.predict().status_code == 200


def test_while_torchserve_is_stopped_the_gateway_answers_503_and_recovers_afterwards(service):
    service.compose("stop", "torchserve")
    # Its name no longer resolves now, which must not take much longer than a refused connection.
    answers = [service.predict(timeout=AT_ONCE_S) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["status"] for answer in answers} == {"error"}
    assert HTTP.get(f"{service.gateway}/health/live", timeout=5).status_code == 200
    checked = service.inspect("api-gateway")["State"]["Health"]["Log"][-1]["Start"]

    def last_check():
        (*_, last) = service.inspect("api-gateway")["State"]["Health"]["Log"]
        return last if last["Start"] != checked else None

    assert wait_until(last_check, "the gateway is checked once more")["ExitCode"] != 0
    service.compose("start", "torchserve")
    service.wait_ready()
    assert service.predict().status_code == 200


def test_a_killed_gateway_comes_back(service):
    service.kill("api-gateway")
    wait_until(lambda: service.inspect("api-gateway")["RestartCount"] == 1, "the gateway was restarted")
    service.wait_ready()
    assert service.predict().status_code == 200


def test_ones_own_weights_are_packaged_and_served_after_a_restart(service, coco_weights):
    best = service.root / "models/weights/best.pt"
    shutil.copyfile(coco_weights, best)
    done = service.run("bash", "scripts/package_mar_docker.sh", "--note", "the user's own, with a space")
    assert done.returncode == 0, done.stdout
    assert "1.1" in done.stdout
    assert "sha256" in done.stdout
    assert {path.stat().st_uid for path in service.store.iterdir()} == {service.root.stat().st_uid}
    service.compose("restart", "torchserve")

    def answered() -> dict:
        answer = service.predict()
        return answer.json() if answer.status_code == 200 else {}

    body = wait_until(lambda: (found := answered()).get("model", {}).get("version") == "1.1" and found, "1.1 answers")
    assert_street_coco([(found["class"], found["confidence"], found["bbox"]) for found in body["detections"]])
    url = f"{service.inference}/predictions/yolo"
    (entry,) = json.loads(service.run("curl", "-sS", "-X", "POST", url, "-T", "samples/street.jpg").stdout)
    assert_street_coco([(box["name"], box["conf"], box["xyxy"]) for box in entry["boxes"]])


def test_weights_that_are_asked_for_are_served_by_a_stack_that_runs_already(service, folder):
    best = service.root / "models/weights/best.pt"
    asked = service.hand_over(renamed(best, folder / "asked for.pt"))
    best.unlink()  # what up.sh itself advises
    done = service.run("bash", "scripts/up.sh", "--docker", WEIGHTS=str(asked))
    assert done.returncode == 0, done.stdout
    # Compose made the container again, or up.sh restarted it: that is tested with a recording docker.
    assert {found["class"].split()[0] for found in service.predict().json()["detections"]} == {"new"}


def test_a_value_of_dotenv_is_what_it_is_to_the_scripts_and_to_python(service, folder):
    probe = folder / "probe"
    probe.mkdir()
    texts = [re.sub(r"\bX\b", f"X{number}", text) for number, text in enumerate(env_lines.VALUES)]
    values = {f"X{number}": f"${{X{number}:-}}" for number in range(len(texts))}
    (probe / ".env").write_text("\n".join(texts) + "\n")
    (probe / "compose.yml").write_text(json.dumps({"services": {"x": {"image": "x", "environment": values}}}))
    done = service.run("docker", "compose", "config", "--format", "json", cwd=probe, FROM=env_lines.FROM)
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout[done.stdout.index("{\n") :])["services"]["x"]["environment"]
    assert [found[name].replace("$$", "$") for name in values] == list(env_lines.VALUES.values())


def test_every_engine_that_can_be_chosen_is_in_the_image(service):
    before = service.predict().json()["detections"]
    done = service.run("docker", "compose", "up", "-d", "--wait", ENGINE="torch")
    assert done.returncode == 0, done.stdout
    service.wait_ready()

    def details():
        (model,) = HTTP.get(f"{service.gateway}/models", timeout=30).json()["models"]
        return model["versions"][0]["details"]

    # A worker that does not describe itself within a second is listed without details.
    assert wait_until(details, "the version is described")["engine"] == "torch"
    found = service.predict().json()["detections"]
    assert [one["class"] for one in found[:4]] == [one["class"] for one in before[:4]]
    for one, other in zip(found[:4], before[:4], strict=True):
        assert one["bbox"] == pytest.approx(other["bbox"], abs=1)
        assert one["confidence"] == pytest.approx(other["confidence"], abs=0.01)
    service.compose("up", "-d", "--wait")


def test_weights_anywhere_under_any_name_can_be_packaged(service, folder):
    elsewhere = folder / 'my, "odd" folder'
    elsewhere.mkdir(mode=0o755)
    shutil.copyfile(service.root / "models/weights/best.pt", elsewhere / "run 1.pt")
    script = str(service.root / "scripts/package_mar_docker.sh")
    done = service.run("bash", script, "--weights", "run 1.pt", "--version", "odd", cwd=elsewhere)
    assert done.returncode == 0, done.stdout
    assert (service.store / "yolo-odd.mar").stat().st_uid == service.root.stat().st_uid


def test_weights_that_cannot_be_loaded_are_refused_and_nothing_changes(service):
    before = {path.name: path.stat().st_mtime_ns for path in service.store.iterdir()}
    broken = service.root / "broken.pt"
    broken.write_bytes(b"<html>not found</html>")
    done = service.run("bash", "scripts/package_mar_docker.sh", "--weights", "broken.pt")
    assert done.returncode == 1, done.stdout
    assert "broken.pt" in done.stdout
    assert "othing" in done.stdout
    assert {path.name: path.stat().st_mtime_ns for path in service.store.iterdir()} == before
    assert service.predict().status_code == 200


def test_without_archive_weights_and_network_the_log_says_what_to_do(empty_stack):
    override = empty_stack.root / "no-network.yml"
    override.write_text("services: {weights: {networks: !reset [], network_mode: none}}\n")
    files = ("-f", "docker-compose.yml", "-f", override.name)
    done = empty_stack.run("docker", "compose", *files, "up", "-d", "--wait")
    assert done.returncode != 0
    assert "weights" in done.stdout
    assert "models/weights/best.pt" in empty_stack.compose(*files, "logs", "weights")
    # And the server itself, started without its archive, names the command that makes one.
    empty_stack.compose("up", "-d", "--no-deps", "torchserve")
    wait_until(
        lambda: "bash scripts/package_mar_docker.sh" in empty_stack.compose("logs", "torchserve"),
        "the server names the command",
        30,
    )


def test_down_leaves_nothing(service):
    done = service.run("bash", "scripts/down.sh")
    assert done.returncode == 0, done.stdout
    assert service.left_overs() == {"containers": [], "networks": [], "volumes": []}
