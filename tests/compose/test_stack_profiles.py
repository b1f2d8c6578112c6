"""The profiles edge, cache and observability in Compose, as the compose files confine their services.

VictoriaLogs is built from Debian's source package. Grafana and Jaeger are in no Debian, and do not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.compose.engine import Engine
from tests.compose.service_images import INSTALL, build
from tests.compose.stack import Stack
from tests.gateway.peers.victoria_logs import victoria_logs
from tests.support import free_ports, wait_until
from tests.support.caddy import Edge
from tests.support.endpoints import HTTP
from tests.support.log_store import LogStore
from tests.support.monitoring import Prometheus, without_waiting
from tests.support.pictures import jpeg

#: All of one image, so that one call of apt-get serves the four services.
OBSERVING = (
    f"{INSTALL} prometheus prometheus-alertmanager prometheus-node-exporter prometheus-blackbox-exporter wget"
    " syslog-ng-core syslog-ng-mod-http\n"
    "RUN install -d -o 65534 -g 65534 /prometheus /alertmanager\n"
)
#: The services of the profile that run here, with their images' variables and what the image adds to this.
OBSERVERS = {
    "prometheus": ("PROMETHEUS_IMAGE", 'ENTRYPOINT ["prometheus"]'),
    "alertmanager": ("ALERTMANAGER_IMAGE", 'ENTRYPOINT ["prometheus-alertmanager"]'),
    "node-exporter": ("NODE_EXPORTER_IMAGE", 'ENTRYPOINT ["prometheus-node-exporter"]'),
    "blackbox-exporter": ("BLACKBOX_IMAGE", 'ENTRYPOINT ["prometheus-blackbox-exporter"]'),
    "victoria-logs": ("VICTORIA_LOGS_IMAGE", 'COPY victoria-logs /\nENTRYPOINT ["/victoria-logs"]'),
    "log-agent": ("LOG_AGENT_IMAGE", ""),
}
PUBLISHED = {"prometheus", "alertmanager", "victoria-logs"}
ROOT_USERS = {"victoria-logs", "log-agent"}


@pytest.fixture(scope="module")
def profiles(running: Stack, images: dict[str, str]) -> Iterator[tuple[Stack, dict[str, str]]]:
    """The stack with the profiles edge and cache, and the environment that its commands need."""
    http_port, https_port, prometheus_port, alertmanager_port, logs_port = map(str, free_ports(5))
    environment = {
        **images,
        "COMPOSE_PROFILES": "edge,cache",
        "EDGE_BIND": "127.0.0.1",
        "EDGE_HTTP_PORT": http_port,
        "EDGE_HTTPS_PORT": https_port,
        "PROMETHEUS_PORT": prometheus_port,
        "ALERTMANAGER_PORT": alertmanager_port,
        "VICTORIA_LOGS_PORT": logs_port,
        "SCRAPE_INTERVAL": "1s",
        "ALERT_GROUP_WAIT": "1s",
        "GATEWAY_TARGETS": "api-gateway:8000,absent:8000",
        "AUTH": "off",  # the edge is taken for the open internet; test_stack_auth.py has the keys
        "CACHE": "redis",
        "REDIS_URL": "redis://redis:6379/0",
    }
    try:
        started = running.run("docker", "compose", "up", "-d", "--wait", **environment)
        assert started.returncode == 0, started.stdout
        yield running, environment
    finally:
        environment["COMPOSE_PROFILES"] += ",observability"
        running.run("docker", "compose", "down", "--volumes", "--timeout", "5", **environment)


def test_https_is_answered_from_the_cache_and_without_redis_as_well(profiles, tmp_path: Path) -> None:
    stack, environment = profiles

    def compose(*argv: str) -> str:
        done = stack.run("docker", "compose", *argv, **environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    for name, capabilities in {"edge": ["NET_BIND_SERVICE"], "redis": []}.items():
        (container,) = compose("ps", "--quiet", name).split()
        found = stack.inspected(container)
        assert found["State"]["Health"]["Status"] == "healthy"
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert [right.removeprefix("CAP_") for right in found["HostConfig"]["CapAdd"] or []] == capabilities
    authority = tmp_path / "root.crt"
    authority.write_text(compose("exec", "-T", "edge", "cat", "/data/caddy/pki/authorities/local/root.crt"))
    ports = int(environment["EDGE_HTTP_PORT"]), int(environment["EDGE_HTTPS_PORT"])
    edge = Edge("localhost", *ports, authority, tmp_path / "none.log")
    with edge.client() as client:

        def ask() -> httpx.Response:
            answer = edge.ask(client, "POST", "/predict", files={"file": stack.street.read_bytes()}, timeout=60)
            assert answer.status_code == 200, answer.text
            return answer

        first, second = ask(), ask()
        assert first.http_version == "HTTP/2"
        assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
        assert first.json()["detections"] == second.json()["detections"] != []
        assert HTTP.get(f"http://127.0.0.1:{ports[0]}/", headers={"Host": "localhost"}).status_code == 308
        away = stack.run(
            *("docker", "compose", "exec", "-T", "edge", "wget", "-q", "-T", "3", "-O", "-"),
            "http://torchserve:8085/ping",
            **environment,
        )
        assert away.returncode != 0, "the edge sees no model server"
        compose("stop", "redis")
        assert ask().json()["detections"] == first.json()["detections"]


@pytest.fixture(scope="module")
def observers(profiles, engine: Engine) -> tuple[Stack, dict[str, str]]:
    """What Debian has of the profile observability, running beside the other profiles."""
    stack, environment = profiles
    base = build(stack, "OBSERVING_IMAGE", f"FROM {engine.environment['BASE_IMAGE']}\n{OBSERVING}")
    files = {"VICTORIA_LOGS_IMAGE": [victoria_logs()]}
    for variable, lines in OBSERVERS.values():
        environment[variable] = build(stack, variable, f"FROM {base}\n{lines}\n", *files.get(variable, ()))
    root = stack.docker("info", "--format", "{{.DockerRootDir}}").strip()
    environment["DOCKER_CONTAINERS"] = f"{root}/containers"
    without_waiting(stack.root / "deploy" / "observability" / "rules")
    # Named services start without their profile, and those that run already are left alone.
    started = stack.run("docker", "compose", "up", "-d", "--wait", "--no-recreate", *OBSERVERS, **environment)
    assert started.returncode == 0, started.stdout
    return stack, environment


def test_what_observes_has_no_rights_and_is_published_on_loopback_alone(observers) -> None:
    stack, environment = observers
    for name in OBSERVERS:
        done = stack.run("docker", "compose", "ps", "--quiet", name, **environment)
        found = stack.inspected(done.stdout.strip())
        assert found["State"]["Health"]["Status"] == "healthy"
        assert found["Config"]["User"] == ("0:0" if name in ROOT_USERS else "65534:65534")
        host = found["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
        assert "no-new-privileges:true" in host["SecurityOpt"]
        published = [binding["HostIp"] for port in host["PortBindings"].values() for binding in port]
        assert published == (["127.0.0.1"] if name in PUBLISHED else [])
        assert not [mount for mount in found["Mounts"] if mount["Type"] == "bind" and mount["RW"]]


def test_an_alert_about_a_service_in_a_container_reaches_alertmanager(observers) -> None:
    _, environment = observers
    prometheus = Prometheus(f"http://127.0.0.1:{environment['PROMETHEUS_PORT']}")

    def up() -> dict[str, str]:
        answer = HTTP.get(f"{prometheus.url}/api/v1/targets", params={"state": "active"}).json()
        return {target["labels"]["instance"]: target["health"] for target in answer["data"]["activeTargets"]}

    there = dict.fromkeys(("api-gateway:8000", "torchserve:8087", "node-exporter:9100"), "up")
    wait_until(lambda: up() == {**there, "absent:8000": "down"}, "each target has been asked", 60)
    rules = HTTP.get(f"{prometheus.url}/api/v1/rules").json()["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}
    wait_until(lambda: prometheus.has_data("gateway_model_ready == 1"), "the gateway's metrics are stored")
    wait_until(lambda: prometheus.has_data("instance:disk_free:ratio"), "the machine's metrics are stored")

    def firing() -> list[str]:
        answer = HTTP.get(f"http://127.0.0.1:{environment['ALERTMANAGER_PORT']}/api/v2/alerts").json()
        return [alert["labels"]["instance"] for alert in answer if alert["labels"]["alertname"] == "GatewayDown"]

    wait_until(lambda: firing() == ["absent:8000"], "the alert has reached Alertmanager", 60)


def test_the_lines_of_a_request_reach_the_log_store_from_each_process(observers) -> None:
    stack, environment = observers
    image = jpeg(97, 89)  # in no cache
    answer = stack.predict(files={"file": image}, headers={"X-Request-ID": "from-the-tests"})
    assert answer.status_code == 200, answer.text

    store = LogStore(f"http://127.0.0.1:{environment['VICTORIA_LOGS_PORT']}")

    def writers() -> set[tuple[str, str]]:
        return {(line["service"], line["logger"]) for line in store.query('request_id:="from-the-tests"')}

    every = {("api-gateway", "gateway.access"), ("torchserve", "torchserve.access"), ("torchserve", "worker")}
    wait_until(lambda: writers() >= every, "the lines have arrived", 60)
    # Those that were written before the agent was started, and none of Prometheus, which has no labels.
    services = {line["service"] for line in store.query("* | uniq by (service)")}
    assert services == {"api-gateway", "torchserve", "edge", "redis"}
