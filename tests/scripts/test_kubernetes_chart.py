"""The chart of deploy/kubernetes, rendered by Helm: held to Kubernetes' schemas and to what the project reads."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import routed_versions
from deploy.settings.declared import documented
from gateway.routing import document
from gateway.routing.choice import BUCKETS
from tests.gateway.peers.environment import HERE, python_with
from tests.support import ROOT

CHART = ROOT / "deploy" / "kubernetes"
#: The oldest that the chart names, one of today's, and the newest whose schema there is.
VERSIONS = ["1.28", "1.34", "1.37"]
LEAST: dict[str, Any] = {"registry": "ghcr.io/me/yolo", "version": "1.4", "gateway": {"apiKeysSecret": "keys"}}
EVERYTHING: dict[str, Any] = {
    **LEAST,
    "imagePullSecrets": ["registry"],
    "models": [
        {"name": "yolo", "version": "1.0", "digest": f"sha256:{'a' * 64}"},
        {"name": "plates", "version": "2.1"},
    ],
    "canary": {"version": "1.1", "percent": 5},
    "gateway": {
        "apiKeysSecret": "keys", "secrets": ["jwt"], "autoscaling": {"enabled": True},
        "settings": {"JWT_SECRET_FILE": "/run/secrets/jwt/key", "MAX_WAIT_S": 3},
    },
    "torchserve": {
        "settings": {"BATCH_SIZE": 4, "ALLOWED_HOSTS": "models.example.org"},
        "modelsToml": "[plates]\nworkers = 1\n", "autoscaling": {"enabled": True, "waiting": 4},
    },
    "ingress": {"enabled": True, "host": "vision.example.org", "className": "nginx", "tlsSecret": "tls"},
    "networkPolicy": {
        "from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "gatewayEgress": [{"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}], "ports": [{"port": 6379}]}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    },
    "serviceMonitor": {"enabled": True},
    "serviceAccount": {"name": "ours"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "vision", "operator": "Exists"}],
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "least": LEAST,
    "everything": EVERYTHING,
    "volume": {**LEAST, "archives": {"source": "volume", "claim": "models"}},
    "image": {**LEAST, "archives": {"source": "image"}, "torchserve": {"image": "ghcr.io/me/yolo/release:1.1"}},
    "open": {
        **LEAST, "gateway": {"settings": {"AUTH": "off"}, "digest": f"sha256:{'b' * 64}"},
        "networkPolicy": {"enabled": False},
    },
    "single": {**LEAST, "podDisruptionBudget": {"enabled": False}, "service": {"type": "LoadBalancer", "port": 8001}},
}  # fmt: skip
#: Values that are refused, and what is said.
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no registry": ({**LEAST, "registry": ""}, "registry: where release_images.sh pushed"),
    "no version": ({**LEAST, "version": ""}, "version: the tag of the images"),
    "no keys": ({"registry": "ghcr.io/me/yolo", "version": "1.4"}, "gateway.apiKeysSecret: a secret with the key"),
    "no volume": ({**LEAST, "archives": {"source": "volume"}}, "archives.claim: the volume with the archives"),
    "canary from a volume": (
        {**LEAST, "archives": {"source": "volume", "claim": "m"}, "canary": {"version": "1.1"}},
        "canary: needs archives.source registry",
    ),
    "first model": ({**LEAST, "models": [{"name": "plates", "version": "1"}]}, "the first one has to be named yolo"),
    "a typo": ({**LEAST, "torchserve": {"replica": 3}}, "replica"),
    "more than all": ({**LEAST, "canary": {"version": "1.1", "percent": 120}}, "percent"),
    "a setting in small letters": ({**LEAST, "torchserve": {"settings": {"log_level": "INFO"}}}, "log_level"),
    "ingress without a name": ({**LEAST, "ingress": {"enabled": True}}, "ingress.host: the public name"),
}  # fmt: skip


@cache
def rendered() -> dict[str, dict[str, Any]]:
    """Render all cases in one call: the library takes a second to load."""
    cases = {**CASES, **{name: values for name, (values, _) in MISTAKES.items()}}
    asked = json.dumps({"chart": str(CHART), "cases": list(cases.values()), "versions": VERSIONS})
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [python_with("kubernetes"), HERE / "kubernetes_chart.py"],
        input=asked, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    return dict(zip(cases, json.loads(run.stdout), strict=True))


def documents(case: str) -> list[dict[str, Any]]:
    answer = rendered()[case]
    assert "error" not in answer, answer
    found: list[dict[str, Any]] = answer["documents"]
    return found


def the(case: str, kind: str, suffix: str = "shop-yolo-serving") -> dict[str, Any]:
    (found,) = (one for one in documents(case) if one["kind"] == kind and one["metadata"]["name"] == suffix)
    return found


def container(case: str, component: str) -> dict[str, Any]:
    name = "shop-yolo-serving-torchserve" if component == "torchserve" else "shop-yolo-serving"
    found: dict[str, Any] = the(case, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(case: str, component: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(case, component)["env"]}


@pytest.mark.parametrize("case", CASES)
def test_what_is_rendered_follows_the_schemas_of_kubernetes(case: str) -> None:
    documents(case)
    assert rendered()[case]["problems"] == []
    said = [one for one in rendered()[case]["lint"]["messages"] if "icon is recommended" not in one["error"]]
    assert said == []
    assert rendered()[case]["lint"]["errors"] == []


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_refused_with_the_fix(case: str) -> None:
    answer = rendered()[case]
    assert MISTAKES[case][1] in answer.get("error", ""), answer


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_restricted_and_every_container_bounded(case: str) -> None:
    pods = [one["spec"]["template"]["spec"] for one in documents(case) if one["kind"] == "Deployment"]
    pods += [one["spec"] for one in documents(case) if one["kind"] == "Pod"]
    assert len(pods) == 3
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for one in (*pod.get("initContainers", ()), *pod["containers"]):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
            }  # fmt: skip
            assert "memory" in one["resources"]["limits"]
            assert {"cpu", "memory"} <= set(one["resources"]["requests"])


@pytest.mark.parametrize("component", ["gateway", "torchserve"])
def test_every_variable_is_one_that_the_process_reads(component: str) -> None:
    service = "api-gateway" if component == "gateway" else "torchserve"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][service]["environment"]
    assert set(environment("everything", component)) <= {*compose, *documented()}


def test_the_probes_ask_what_compose_asks() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["torchserve"]["healthcheck"]["test"]
    for probe in ("startupProbe", "readinessProbe"):
        assert ["CMD", *container("least", "torchserve")[probe]["exec"]["command"]] == compose
    assert container("least", "gateway")["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container("least", "gateway")["livenessProbe"]["httpGet"]["path"] == "/health/live"


def test_the_gateway_finds_every_torchserve_by_a_name_without_an_address_of_its_own() -> None:
    service = the("everything", "Service", "shop-yolo-serving-torchserve")
    assert service["spec"]["clusterIP"] == "None"
    variables = environment("everything", "gateway")
    assert variables["TORCHSERVE_INFERENCE_URL"] == "http://shop-yolo-serving-torchserve:8085"
    assert environment("everything", "torchserve")["ALLOWED_HOSTS"] == "shop-yolo-serving-torchserve,models.example.org"


def test_only_the_gateways_reach_torchserve() -> None:
    policy = the("everything", "NetworkPolicy", "shop-yolo-serving-torchserve")["spec"]
    gateways, monitoring = policy["ingress"]
    assert gateways["from"] == [{"podSelector": the("everything", "Deployment")["spec"]["selector"]}]
    assert [port["port"] for port in gateways["ports"]] == ["inference", "management"]
    assert [port["port"] for port in monitoring["ports"]] == ["metrics"]
    assert the("volume", "NetworkPolicy", "shop-yolo-serving-torchserve")["spec"]["egress"] == []


def test_a_canary_is_a_routing_that_the_gateway_and_torchserve_read(tmp_path: Path) -> None:
    text = the("everything", "ConfigMap", "shop-yolo-serving-routing")["data"]["routing.json"]
    routing = document.parse(text.encode())
    assert (routing.stable, [(arm.version, arm.role, arm.upto) for arm in routing.arms]) == (
        "1.0", [("1.1", "canary", BUCKETS // 20)],
    )  # fmt: skip
    (tmp_path / "routing").mkdir()
    (tmp_path / "routing" / "routing.json").write_text(text)
    assert routed_versions.is_split(tmp_path, "yolo")
    quiet = the("least", "ConfigMap", "shop-yolo-serving-routing")["data"]["routing.json"]
    assert document.parse(quiet.encode()).arms == ()


def test_the_init_container_pulls_each_archive_once_and_checks_it(tmp_path: Path) -> None:
    """Its script runs in a shell, with an `oras` that writes what releases.sh push released."""
    pod = the("everything", "Deployment", "shop-yolo-serving-torchserve")["spec"]["template"]["spec"]
    (init,) = pod["initContainers"]
    programs, store, scratch = (tmp_path / name for name in ("bin", "store", "scratch"))
    for folder in (programs, store, scratch):
        folder.mkdir()
    oras = programs / "oras"
    oras.write_text(
        '#!/bin/sh\nset -e\necho "$*" >>"$LOG"\nmkdir -p "$4"\nname=$(basename "$4").mar\necho "$5" >"$4/$name"\n'
        '(cd "$4" && sha256sum "$name" >"$name.sha256")\n'
    )
    oras.chmod(0o755)
    script = init["args"][0].replace("/store", str(store)).replace("/scratch", str(scratch))
    variables = {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}
    subprocess.run([*init["command"], script], env=variables, check=True, capture_output=True)
    assert [line.split()[-1] for line in (tmp_path / "log").read_text().splitlines()] == [
        f"ghcr.io/me/yolo/model-yolo@sha256:{'a' * 64}",
        "ghcr.io/me/yolo/model-plates:2.1",
        "ghcr.io/me/yolo/model-yolo:1.1",
    ]  # fmt: skip
    names = sorted(path.name for path in store.iterdir())
    assert names == ["plates-2.1.mar", "plates.mar", "routing", "yolo-1.0.mar", "yolo-1.1.mar", "yolo.mar"]
    assert (store / "yolo.mar").resolve().name == "yolo-1.0.mar"
    oras.write_text(oras.read_text().replace('sha256sum "$name"', 'echo 0000 "$name"'))
    assert subprocess.run([*init["command"], script], env=variables, check=False, capture_output=True).returncode != 0


def test_every_value_is_explained_and_in_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def compare(given: dict[str, Any], properties: dict[str, Any]) -> None:
        assert set(given) == {name for name in properties if name != "global"}
        for name, value in given.items():
            if isinstance(value, dict) and "properties" in properties[name]:
                compare(value, properties[name]["properties"])

    compare(values, schema["properties"])
