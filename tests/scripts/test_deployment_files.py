"""Static tests of the Compose files, the Dockerfiles and .env.example."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import httpx
import pytest
import yaml

from deploy.settings.declared import documented
from gateway.settings import Settings
from server_settings import Placement, ServerSettings
from tests.support import ROOT
from tests.support.answering import answering
from yolo.settings import Settings as WorkerSettings

COMPOSE_FILES = ["docker-compose.yml", "deploy/compose/model-archiver.yml", "deploy/compose/release.yml"]
GREEN_FILE = "deploy/compose/green.yml"
# Images of other projects, which start only if their profile is enabled.
PROFILE_FILES = ["deploy/compose/edge.yml", "deploy/compose/redis.yml"]
# The operator's name and key come from the caller's environment, not from .env.
CALLERS = {"RELEASED_BY", "YOLO_API_KEY"}
GPU_FILE = "docker-compose.gpu.yml"
DOCKERFILES = ["serving/torchserve/Dockerfile", "api-gateway/Dockerfile"]
# The scripts or Compose set these; operators do not.
NOT_FOR_OPERATORS = {
    "GATEWAY_HOST",
    "PUBLISHED_BIND",
    "PUBLISHED_PROFILES",
    "API_KEYS_FILE",
    "TORCHSERVE_INFERENCE_URL",
    "TORCHSERVE_MANAGEMENT_URL",
    "ROUTING_FILE",
    "TORCHSERVE_HOST",
    "TORCHSERVE_RUN_DIR",
    "MODELS_FILE",
}


def text(name: str) -> str:
    return (ROOT / name).read_text()


class OneOfEach(yaml.SafeLoader):
    """Rejects a duplicate key, as Compose does and PyYAML does not."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        assert not twice, f"duplicate keys {twice}{node.start_mark}"
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize(
    "name",
    sorted(
        path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("docker-compose*.yml"), *ROOT.glob("deploy/**/*.yml"))
    ),
)
def test_a_compose_file_has_no_duplicate_key(name):
    yaml.load(text(name), OneOfEach)


def services(*names: str) -> dict[str, dict]:
    return {key: value for name in names for key, value in yaml.safe_load(text(name))["services"].items()}


def example() -> dict[str, str]:
    pairs = [line.split("=", 1) for line in text(".env.example").splitlines() if re.match(r"[A-Z]", line)]
    assert len({name for name, _ in pairs}) == len(pairs), "a variable is twice in .env.example"
    return dict(pairs)


def substitutions(*names: str) -> list[tuple[str, str | None]]:
    """Every ${NAME:-default} of compose files."""
    joined = "".join(line.split(" #")[0] for name in names for line in text(name).splitlines(keepends=True))
    return re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)(?::-([^}]*))?\}", joined)


def read_by_the_server() -> dict[str, str]:
    """Variables that TorchServe's start and its workers read, with their defaults; an empty one is computed."""
    kinds = (WorkerSettings, ServerSettings, Placement)
    found = {field.name.upper(): field.default for kind in kinds for field in dataclasses.fields(kind)}
    return {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in found.items()
    }


def test_the_compose_file_itself_has_exactly_the_two_services_of_the_design():
    assert list(services("docker-compose.yml")) == ["torchserve", "api-gateway"]


@pytest.mark.parametrize("name", ["torchserve", "api-gateway"])
def test_a_long_running_service_restarts_is_hardened_and_has_limits(name):
    service = services("docker-compose.yml")[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"stop_grace_period", "mem_limit", "pids_limit", "tmpfs", "logging"} <= set(service)


def test_a_service_without_healthcheck_is_a_one_shot():
    assert {n for n, s in services(*COMPOSE_FILES).items() if "healthcheck" not in s} == {
        "weights",
        "model-archiver",
        "model-archiver-int8",
        "release",
    }
    archiver = services(*COMPOSE_FILES)["model-archiver"]
    assert archiver["restart"] == "no"
    assert "ports" not in archiver


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_gateways_health_check_is_its_readiness_without_a_proxy(status, code):
    _, _, *arguments = services("docker-compose.yml")["api-gateway"]["healthcheck"]["test"]
    asked = []

    def gateway(request):
        asked.append(request.url.path)
        return httpx.Response(status)

    with answering(gateway) as url:
        command = [sys.executable, *(argument.replace("8000", url.rpartition(":")[2]) for argument in arguments)]
        assert subprocess.run(command, env={"http_proxy": "http://127.0.0.1:9"}, check=False).returncode == code
    assert asked == ["/health/ready"]


def test_only_two_services_publish_ports_and_the_management_port_stays_on_loopback():
    published = {name: service.get("ports", []) for name, service in services(*COMPOSE_FILES).items()}
    assert published == {
        "torchserve": [
            "${INFERENCE_BIND:-127.0.0.1}:${INFERENCE_PORT:-8085}:8085",
            "127.0.0.1:${MANAGEMENT_PORT:-8086}:8086",
        ],
        "api-gateway": ["${BIND:-127.0.0.1}:${GATEWAY_PORT:-8001}${GATEWAY_PORT_LAST:+-}${GATEWAY_PORT_LAST:-}:8000"],
        "weights": [],
        "model-archiver": [],
        "model-archiver-int8": [],
        "release": [],
    }


def test_the_settings_of_models_reach_the_services_that_read_them_in_a_folder():
    every = {**services("docker-compose.yml"), **services("deploy/compose/green.yml")}
    for name in ("torchserve", "torchserve-green", "api-gateway"):
        (mount,) = [mount for mount in every[name]["volumes"] if mount["source"] == "./models"]
        assert (mount["read_only"], mount["bind"]) == (True, {"create_host_path": False}), name
        assert every[name]["environment"]["MODELS_FILE"] == f"{mount['target']}/models.toml", name


def test_the_gateway_mounts_only_the_routing_folder_of_the_model_store():
    mounts = services("docker-compose.yml")["api-gateway"]["volumes"]
    (mount,) = [mount for mount in mounts if mount["source"].startswith("./serving/")]
    assert mount["source"] == "./serving/torchserve/model-store/routing"
    assert (mount["read_only"], mount["bind"]) == (True, {"create_host_path": False})
    environment = services("docker-compose.yml")["api-gateway"]["environment"]
    assert environment["ROUTING_FILE"] == f"{mount['target']}/routing.json"
    kept = subprocess.run(["git", "ls-files", mount["source"]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert kept.stdout.splitlines() == ["serving/torchserve/model-store/routing/README.md"]
    ignored = ["git", "check-ignore", "--quiet", f"{mount['source']}/routing.json"]
    assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0


def test_what_downloads_weights_does_not_load_them_and_what_loads_them_has_no_network():
    found = services("deploy/compose/model-archiver.yml")
    download, packager = found["weights"], found["model-archiver"]
    assert packager["network_mode"] == "none"
    assert "networks" not in packager
    assert packager["depends_on"] == {"weights": {"condition": "service_completed_successfully"}}
    assert "WEIGHTS" not in packager["environment"], "a URL may hold a password"
    assert download["entrypoint"][-1].rstrip().endswith("package --weights-only")
    for key in ("user", "read_only", "cap_drop", "cap_add", "security_opt", "image", "restart"):
        assert download[key] == packager[key], key


def test_a_secret_reaches_only_the_service_that_needs_it():
    every = services(
        "docker-compose.yml", *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("deploy/compose/*.yml"))
    )
    secret = re.compile("REDIS_URL|API_KEY|JWT|TOKEN|PASSWORD|SECRET")
    holders = {
        (name, variable)
        for name, service in every.items()
        for variable in service.get("environment", {})
        if secret.search(variable)
    }
    assert {name for name, _ in holders} == {"api-gateway", "release", "alertmanager"}
    assert [variable for name, variable in holders if name == "alertmanager"] == ["ALERT_SMTP_PASSWORD_FILE"]
    assert [variable for name, variable in holders if name == "release"] == ["YOLO_API_KEY"]
    assert not [name for name, service in every.items() if "env_file" in service]
    mounting = {
        name: {volume["source"] for volume in service.get("volumes", ()) if "./secrets" in str(volume)}
        for name, service in every.items()
    }
    assert {name for name, found in mounting.items() if "./secrets" in found} == {"api-gateway", "keys"}
    observing = {"prometheus", "alertmanager"}
    assert {name for name, found in mounting.items() if "./secrets/observability" in found} == observing


def test_the_int8_packager_equals_the_packager_except_for_its_image_and_never_starts_automatically():
    archiver, int8 = (services(*COMPOSE_FILES)[name] for name in ("model-archiver", "model-archiver-int8"))
    assert int8.pop("profiles") == ["int8"]
    assert int8.pop("depends_on") == {}
    del archiver["depends_on"]
    assert int8["build"].pop("target") == "model-archiver-int8"
    for service in (archiver, int8):
        del service["image"]
        service["build"].pop("target", None)
    assert int8 == archiver


def test_green_equals_torchserve_except_for_image_handler_and_ports_and_never_starts_automatically():
    document = yaml.safe_load(text("docker-compose.yml"))
    blue, green = document["services"]["torchserve"], services(GREEN_FILE)["torchserve-green"]
    assert green.pop("profiles") == ["green"]
    assert green.pop("image") == "yolo-serving/torchserve:${GREEN_IMAGE_TAG:-green}"
    assert green["environment"].pop("HANDLER_FROM") == "${GREEN_HANDLER_FROM:-image}"
    assert green.pop("networks") == ["backend"], "no port on the host"
    for key in ("image", "ports", "networks", "depends_on", "scale"):
        del blue[key]
    del blue["environment"]["HANDLER_FROM"]
    assert green == blue


def test_the_store_of_traces_is_off_by_default_pinned_hardened_and_on_loopback():
    service = services("deploy/compose/tracing.yml")["jaeger"]
    assert service["profiles"] == ["observability"]
    assert re.fullmatch(r"\$\{JAEGER_IMAGE:-[a-z/]+:\d+\.\d+\.\d+\}", service["image"])
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [port.split(":")[0] for port in service["ports"]] == ["127.0.0.1"]
    assert "backend" not in service["networks"]
    assert {"user", "stop_grace_period", "mem_limit", "pids_limit", "tmpfs", "logging"} <= set(service)


OBSERVING = services("deploy/compose/metrics.yml", "deploy/compose/logs.yml")


@pytest.mark.parametrize("name", sorted(OBSERVING))
def test_a_service_that_observes_is_off_by_default_pinned_hardened_and_on_loopback(name):
    service = OBSERVING[name]
    assert service["profiles"] == ["observability"]
    assert re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-[a-z/-]+:v?\d+\.\d+\.\d+\}", service["image"])
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {port.split(":")[0] for port in service.get("ports", ())} <= {"127.0.0.1"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"user", "restart", "stop_grace_period", "mem_limit", "pids_limit", "logging"} <= set(service)
    # The management API of TorchServe is on this network too.
    assert ("backend" in service["networks"]) is (name == "prometheus")


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_the_scripts_get_every_variable_that_they_explain(name):
    comments = "\n".join(line for line in text(f"deploy/observability/{name}.sh").splitlines() if line.startswith("#"))
    explained = set(re.findall(r"[A-Z]+_[A-Z_]+|CERTIFICATES", comments))
    assert explained == OBSERVING[name]["environment"].keys()


def test_the_log_agent_gets_the_variables_that_it_explains_and_finds_the_labels_of_each_service():
    config = text("deploy/observability/syslog-ng.conf")
    agent = OBSERVING["log-agent"]
    assert (
        set(re.findall(r"`(\w+)`", config)) == set(re.findall(r"^#   (\w+)", config, re.M)) == set(agent["environment"])
    )
    assert agent["networks"] == ["observability"], "it can read what all containers write, and has no way out"
    assert all(volume["read_only"] for volume in agent["volumes"] if isinstance(volume, dict))
    wanted = [f"com.docker.compose.{label}" for label in ("project", "service")]
    assert [label for label in wanted if f"${{.wrap.attrs.{label}}}" not in config] == []
    collected = services("docker-compose.yml", GREEN_FILE, *PROFILE_FILES)
    for name in ("torchserve", "torchserve-green", "api-gateway", "edge", "redis"):
        assert collected[name]["logging"]["options"]["labels"].split(",") == wanted


def test_green_is_known_to_the_gateway_and_to_the_release_operations():
    servers = services("docker-compose.yml")["api-gateway"]["environment"]["TORCHSERVE_SERVERS"]
    assert servers == "green=http://torchserve-green:8085|http://torchserve-green:8086,${TORCHSERVE_SERVERS:-}"
    release = services("deploy/compose/release.yml")["release"]["environment"]
    assert release["OPS_GREEN_INFERENCE_URL"] == "http://torchserve-green:8085"
    assert release["OPS_GREEN_MANAGEMENT_URL"] == "http://torchserve-green:8086"


@pytest.mark.parametrize("name", ["edge", "redis"])
def test_a_service_of_a_profile_is_off_by_default_pinned_and_hardened(name):
    service = services(*PROFILE_FILES)[name]
    assert name in service["profiles"]
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z]+:\d+\.\d+\.\d+-[a-z]+\}", service["image"])
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) in ([], ["NET_BIND_SERVICE"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "container_name" not in service
    assert {"user", "stop_grace_period", "mem_limit", "pids_limit", "tmpfs", "logging", "networks"} <= set(service)


@pytest.mark.parametrize(
    ("auth", "profiles", "starts"),
    [
        ("auto", "", False),
        ("auto", "redis", False),
        ("auto", "redis,edge", True),
        ("auto", "redis, edge", True),
        ("auto", "hedge", False),
        ("on", "", True),
        ("On", "", True),
        ("OFF", "redis", True),
    ],
)
def test_the_edge_starts_only_if_the_gateway_knows_that_it_is_published(tmp_path, auth, profiles, starts):
    """Containers cannot see the option `--profile edge`, so the gateway would require no API key."""
    *shell, script = services("deploy/compose/edge.yml")["edge"]["command"]
    (tmp_path / "caddy").write_text("#!/bin/sh\necho started\n")
    (tmp_path / "caddy").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "AUTH": auth, "PUBLISHED_PROFILES": profiles}
    done = subprocess.run(
        [*shell, script.replace("$$", "$")], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0, done.stdout == "started\n") == (starts, starts)
    assert ("COMPOSE_PROFILES=edge" in done.stderr) is ("edge" not in re.split("[ ,]+", profiles))


def test_redis_is_on_an_internal_network_and_the_edge_cannot_reach_the_model_server():
    found = services("docker-compose.yml", *PROFILE_FILES)
    networks = yaml.safe_load(text("docker-compose.yml"))["networks"]
    assert found["redis"]["networks"] == ["stores"]
    assert networks["stores"] == {"internal": True}
    assert [name for name, service in found.items() if "stores" in service["networks"]] == ["api-gateway", "redis"]
    assert "ports" not in found["redis"]
    assert found["edge"]["networks"] == ["edge"]
    assert "edge" not in found["torchserve"]["networks"]


def test_the_gateway_knows_whether_the_edge_is_there_and_both_have_the_same_limits_of_bodies():
    found = services("docker-compose.yml", *PROFILE_FILES)
    gateway = found["api-gateway"]["environment"]
    # A host called edge is trusted only if the profile is enabled: without it the name may be a stranger's.
    assert gateway["FORWARDED_ALLOW_IPS"] == "${FORWARDED_ALLOW_IPS:-}"
    assert gateway["PUBLISHED_PROFILES"] == found["edge"]["environment"]["PUBLISHED_PROFILES"]
    caddyfile = text("deploy/edge/Caddyfile")
    for variable in ("MAX_BODY_BYTES", "MAX_BATCH_BYTES"):
        assert found["edge"]["environment"][variable] == gateway[variable]
        defaults = set(re.findall(rf"\{{\${variable}:(\d+)\}}", caddyfile))
        assert defaults == {str(getattr(Settings(), variable.lower()))}
    assert "admin off" in caddyfile


def test_no_container_name_is_fixed_and_every_image_has_a_tag():
    for name, service in services(*COMPOSE_FILES).items():
        assert "container_name" not in service
        if name in ("release", "weights"):  # run the packager's image and builds no own one
            assert (service["pull_policy"], service["image"]) == (
                "never",
                services(*COMPOSE_FILES)["model-archiver"]["image"],
            )
            continue
        assert service["image"] == f"yolo-serving/{name}:${{IMAGE_TAG:-local}}"
        # Somebody else could publish that name, so Compose must never pull it from a registry.
        assert service["pull_policy"] == "${IMAGE_POLICY:-build}"
        assert documented()["IMAGE_POLICY"].bounds == "build, never"


def test_the_release_operations_run_in_a_hardened_container_that_never_starts_automatically():
    release = services("deploy/compose/release.yml")["release"]
    assert (release["profiles"], release["restart"], release["read_only"]) == (["ops"], "no", True)
    assert release["networks"] == ["backend"], "the network of TorchServe's management API and the gateway's metrics"
    assert release["networks"][0] in services("docker-compose.yml")["api-gateway"]["networks"]
    assert "/app/serving/torchserve/model-store" in [mount["target"] for mount in release["volumes"]]
    archiver = services(*COMPOSE_FILES)["model-archiver"]
    for key in ("user", "cap_drop", "cap_add", "security_opt"):
        assert release[key] == archiver[key]


def test_the_gpu_file_changes_only_the_model_server_and_uses_documented_variables():
    assert list(services(GPU_FILE)) == ["torchserve"]
    gpu = services(GPU_FILE)["torchserve"]
    assert gpu["build"]["args"]["TORCH_BUILD"] == "cuda"
    assert gpu["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert "ARG TORCH_BUILD=cpu" in text("serving/torchserve/Dockerfile"), "the CUDA build must be requested"
    own = {"WORKERS", "BATCH_SIZE"}  # with batches one worker keeps a GPU busy
    for name, default in substitutions(GPU_FILE):
        assert name in own or example()[name] == default, name


@pytest.mark.parametrize("name", [*COMPOSE_FILES, *PROFILE_FILES, *DOCKERFILES])
def test_no_version_is_latest(name):
    assert "latest" not in text(name)


def test_every_variable_of_the_compose_files_is_in_the_example_with_the_same_default():
    documented = example()
    for name, default in substitutions(*COMPOSE_FILES, GREEN_FILE, *PROFILE_FILES):
        if name in CALLERS:
            continue
        assert name in documented, f"{name} is not in .env.example"
        assert documented[name] == default, name


def test_every_setting_of_the_gateway_is_in_the_example_with_its_default():
    documented = example()
    for name, field in Settings.model_fields.items():
        variable = name.upper()
        if variable not in NOT_FOR_OPERATORS:
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert documented[variable] == default, variable


def test_every_setting_of_the_model_server_is_in_the_example_with_its_default():
    documented = example()
    for variable, default in read_by_the_server().items():
        if variable not in NOT_FOR_OPERATORS:
            assert variable in documented, f"{variable} is not in .env.example"
            assert documented[variable] == default, variable


def test_every_setting_reaches_its_container():
    running = services("docker-compose.yml")
    assert {name.upper() for name in Settings.model_fields} <= set(running["api-gateway"]["environment"])
    native_only = {"MODEL_STORE", "MODEL_CACHE_DIR", "GRPC_INFERENCE_PORT", "GRPC_MANAGEMENT_PORT"}
    assert set(read_by_the_server()) - native_only - {"TORCHSERVE_RUN_DIR"} <= set(running["torchserve"]["environment"])


def test_every_variable_of_the_example_is_explained():
    paragraph_has_comment = False
    for line in text(".env.example").splitlines():
        if not line or line.startswith("# ---"):
            paragraph_has_comment = False
        elif line.startswith("#"):
            paragraph_has_comment = True
        else:
            assert paragraph_has_comment, line


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_starts_from_the_base_image_and_ends_as_an_unprivileged_user(name):
    lines = text(name).splitlines()
    assert not lines[0].startswith("# syntax"), "a frontend would have to be pulled"
    origins = [line.split()[1] for line in lines if line.startswith("FROM ")]
    stages = {line.split()[3] for line in lines if line.startswith("FROM ") and " AS " in line}
    assert set(origins) - stages == {"${BASE_IMAGE}"}
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER 10001:10001"
    started_by = [line for line in lines if line.startswith(("CMD ", "ENTRYPOINT "))]
    assert started_by
    assert all(line.split(" ", 1)[1].startswith("[") for line in started_by), (
        "exec form, so that the process receives signals"
    )


def test_a_build_context_contains_only_what_dockerignore_lists():
    rules = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!").split("/")[0] for rule in rules if rule.startswith("!")} == {
        "constraints.txt",
        "api-gateway",
        "common",
        "ops",
        "serving",
    }
