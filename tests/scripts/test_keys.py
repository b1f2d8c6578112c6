"""keys.sh: natively with any Python, in Compose in a container that hands the file to the gateway's user."""

import json
import stat

import yaml

from tests.support import ROOT

IMAGES = "yolo-serving/torchserve:local\nyolo-serving/api-gateway:local\n"


def keys_runs(docker):
    return [call[call.index("keys") + 1 :] for call in docker.called("compose", "run")]


def test_without_docker_it_needs_nothing_but_python(checkout):
    made = checkout.run("keys.sh", "add", "camera-7", "--expires", "30d", "--native")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("yolo_")
    assert len(made.stdout.splitlines()) == 1  # KEY=$(bash scripts/keys.sh add NAME) works
    path = checkout.root / "secrets/api_keys.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (shown,) = json.loads(checkout.run("keys.sh", "list", "--json", "--native").stdout)
    assert shown["name"] == "camera-7"
    assert checkout.run("keys.sh", "revoke", "camera-7", "--native").returncode == 0
    missing = checkout.run("keys.sh", "revoke", "camera-7", "--native")
    assert (missing.returncode, "no key named camera-7" in missing.stderr) == (1, True)
    assert not (checkout.root / ".venv").exists()


def test_in_compose_it_runs_in_the_gateways_image_and_builds_that_when_it_is_missing(checkout, docker):
    docker.answer("compose", "config", "--images", say=IMAGES)
    docker.answer("compose", "run", say="yolo_key\n")
    docker.answer("image", "inspect", exit=1)
    done = checkout.run("keys.sh", "add", "camera-7", "--scope", "admin")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "yolo_key\n"
    assert docker.called("image", "inspect") == [["image", "inspect", "yolo-serving/api-gateway:local"]]
    assert docker.called("compose", "build") == [["compose", "build", "api-gateway"]]
    assert keys_runs(docker) == [["add", "camera-7", "--scope", "admin"]]
    docker.answer("image", "inspect")
    checkout.run("keys.sh", "list")
    assert len(docker.called("compose", "build")) == 1


def test_its_exit_code_is_that_of_the_operation(checkout, docker):
    docker.answer("compose", "config", "--images", say=IMAGES)
    docker.answer("compose", "run", say="error: no such key\n", exit=1)
    assert checkout.run("keys.sh", "revoke", "x").returncode == 1


def test_wrong_usage_is_2_before_docker_is_asked(checkout, docker):
    for words in ([], ["--scope"], ["add", "x", "--dance"]):
        assert checkout.run("keys.sh", *words).returncode == 2, words
    assert docker.called("compose", "run") == []
    assert checkout.run("keys.sh", "dance").returncode == 2


def test_the_container_can_hand_a_file_over_and_nothing_else():
    service = yaml.safe_load((ROOT / "deploy/compose/keys.yml").read_text())["services"]["keys"]
    gateway = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["api-gateway"]
    assert service["image"] == gateway["image"]
    assert service["pull_policy"] == "never"
    assert service["profiles"] == ["ops"]
    assert service["network_mode"] == "none"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"] == {"driver": "none"}
    assert gateway["user"].split(":")[0] == service["environment"]["KEYS_OWNER"]


def test_the_gateway_sees_the_folder_of_the_keys_and_cannot_write_it():
    gateway = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["api-gateway"]
    (mount,) = [volume for volume in gateway["volumes"] if volume["source"] == "./secrets"]
    assert mount["read_only"] is True
    assert gateway["environment"]["API_KEYS_FILE"] == f"{mount['target']}/api_keys.jsonl"
    assert "WORKDIR /opt/gateway\n" in (ROOT / "api-gateway/Dockerfile").read_text()
    assert mount["target"] == "/opt/gateway/secrets"  # so that JWT_SECRET_FILE=secrets/… is found from there
    assert gateway["environment"]["PUBLISHED_BIND"] == "${BIND:-127.0.0.1}"
    assert gateway["ports"][0].startswith("${BIND:-127.0.0.1}:")
