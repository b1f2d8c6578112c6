"""A running service with Prometheus and Alertmanager as observe.sh starts them, and traffic with everything in it."""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.gateway.support.gateway_process import running_gateway
from tests.native.service import Service
from tests.support.deployment import QUICK
from tests.support.monitoring import Prometheus, Webhook, dashboard_expressions, expressions, webhook, without_waiting
from tests.support.pictures import jpeg
from tests.support.ports import free_ports
from tests.support.services import find_binary
from tests.support.waiting import wait_until

#: As many requests as a caller of the broken gateway may send in a minute.
RATE = 20
PROGRAMS = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-blackbox-exporter")


@dataclass(frozen=True)
class Observed:
    """What is scraped: the service, ``cached``, a gateway in front of the same TorchServe, and a broken one.

    ``cached`` follows the same routing. ``broken`` has no model server, and a rate limit.
    """

    service: Service
    prometheus: Prometheus
    alerts: Webhook
    cached: str
    broken_port: int

    @property
    def broken(self) -> str:
        """The URL of the gateway that a test starts and stops."""
        return f"http://127.0.0.1:{self.broken_port}"


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """Something with a certificate, on a free port."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "5", "-subj", "/CN=localhost"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    with closing(context.wrap_socket(connection, server_side=True)) as wrapped:
                        wrapped.recv(1)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextmanager
def broken_gateway(port: int) -> Iterator[None]:
    """A gateway whose model server is not there, and which does not notice."""
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    urls = {"TORCHSERVE_INFERENCE_URL": nowhere, "TORCHSERVE_MANAGEMENT_URL": nowhere}
    with running_gateway(GATEWAY_PORT=str(port), READY_GRACE_S="3600", RATE_LIMIT=f"{RATE}/minute", **urls):
        yield


@contextmanager
def impatient_rules(service: Service) -> Iterator[None]:
    """Let the alerts of the checkout fire at once until the block ends."""
    rules = service.root / "deploy" / "observability" / "rules"
    kept = rules.with_name("rules.kept")
    shutil.copytree(rules, kept)
    without_waiting(rules)
    try:
        yield
    finally:
        shutil.rmtree(rules)
        kept.rename(rules)


@contextmanager
def observe(service: Service, folder: Path) -> Iterator[Observed]:
    """Start the gateway with a cache and what observes all of them, until the block ends."""
    for binary in PROGRAMS:
        find_binary(binary, binary)
    cached, broken = free_ports(2)
    with ExitStack() as running:
        running.enter_context(impatient_rules(service))
        alerts = running.enter_context(webhook())
        certificate = running.enter_context(tls_server(folder))
        variables = {
            "GATEWAY_PORT": str(cached),
            "TORCHSERVE_INFERENCE_URL": service.inference,
            "TORCHSERVE_MANAGEMENT_URL": service.management,
            "ROUTING_FILE": str(service.store / "routing/routing.json"),
            "CACHE": "memory",
        }
        running.enter_context(running_gateway(**variables))
        gateways = (service.ports["GATEWAY_PORT"], cached, broken)
        settings = {
            "GATEWAY_TARGETS": ",".join(f"localhost:{port}" for port in gateways),
            "CERTIFICATES": f"localhost:{certificate}",
            "SCRAPE_INTERVAL": "1s",
            "ALERT_WEBHOOK_URL": alerts.url,
            "ALERT_GROUP_WAIT": "1s",
        }
        running.callback(lambda: service.script("scripts/observe.sh", "stop", **settings))
        started = service.script("scripts/observe.sh", **settings)
        assert started.returncode == 0, started.stdout
        shown = service.script("scripts/observe.sh", "status", **settings)
        assert (shown.returncode, shown.stdout.count(" ready") >= len(PROGRAMS)) == (0, True), shown.stdout
        prometheus = Prometheus(f"http://127.0.0.1:{service.ports['PROMETHEUS_PORT']}")
        yield Observed(service, prometheus, alerts, f"http://127.0.0.1:{cached}", broken)


def traffic(observed: Observed) -> Iterator[int]:
    """Send what a service gets in a bad hour, again and again, and say the statuses of the answers."""
    street = observed.service.street.read_bytes()
    with httpx.Client(timeout=60, trust_env=False) as client:

        def ask(url: str, content: bytes, client_key: str = "") -> int:
            # With parameters of its own, a request is not one of those whose drift is watched.
            headers = {"X-Client-Key": client_key}
            return client.post(f"{url}/predict", params=QUICK, content=content, headers=headers).status_code

        for number in itertools.count():
            camera = f"camera-{number}"
            yield ask(observed.service.gateway, street, camera)
            yield ask(observed.cached, jpeg(number + 32, 40), camera)  # each time a new image
            yield ask(observed.cached, street, camera)
            yield ask(observed.cached, b"no image")
            yield ask(observed.broken, street)
            time.sleep(0.3)


def check_expressions(observed: Observed) -> None:
    """Send traffic until each expression of the rules and dashboards has had data."""
    missing, statuses = {**expressions(), **dashboard_expressions()}, set()
    prometheus, sent = observed.prometheus, traffic(observed)

    def all_have_data() -> bool:
        statuses.update(itertools.islice(sent, 10))
        for name in [name for name, expression in missing.items() if prometheus.has_data(expression)]:
            del missing[name]
        return not missing and statuses >= {200, 415, 429, 503}

    try:
        wait_until(all_have_data, "every expression has data")
    except pytest.fail.Exception:
        pytest.fail(f"statuses {statuses}; no data: {missing}")
    for counted in (
        'yolo_stage_seconds_count{stage="infer"}',
        'ts_inference_requests_total{model_name="yolo"}',
        'gateway_version_requests_total{role="canary",outcome="ok"}',
        "gateway_shadow_compared_total",
        'gateway_cache_total{outcome="hit"}',
    ):
        assert prometheus.has_data(f"{counted} > 0"), counted


def check_alert(observed: Observed) -> None:
    """The alert about a gateway that has ended travels to the webhook, and so does its end."""
    down = {"alertname": "GatewayDown", "instance": f"localhost:{observed.broken_port}"}
    wait_until(lambda: observed.alerts.has("firing", **down), "the alert has come", 120)
    with broken_gateway(observed.broken_port):
        wait_until(lambda: observed.alerts.has("resolved", **down), "its end has come", 120)
    alert = next(one for one in observed.alerts.alerts if down.items() <= one["labels"].items())
    assert alert["annotations"]["runbook"] == "docs/runbook.md#gatewaydown"
    assert "does not answer" in alert["annotations"]["summary"]
