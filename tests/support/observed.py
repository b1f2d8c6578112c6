"""Two gateways with Prometheus and Alertmanager as observe.sh starts them, and traffic with everything in it."""

from __future__ import annotations

import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.gateway.support.gateway_process import running_gateway
from tests.support.monitoring import (
    NEEDS_A_HUNDRED_IMAGES,
    Prometheus,
    Webhook,
    dashboard_expressions,
    expressions,
    webhook,
    without_waiting,
)
from tests.support.pictures import jpeg
from tests.support.ports import free_ports
from tests.support.services import find_binary
from tests.support.waiting import wait_until

#: As many requests as a caller may send in a minute.
RATE = 60
PROGRAMS = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-blackbox-exporter")
Script = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Stack:
    """What is observed: a checkout with ports of its own, and a model server with a canary."""

    root: Path
    ports: Mapping[str, int]
    #: Runs a script of the checkout with these environment variables more.
    script: Script
    inference: str
    management: str
    routing_file: Path
    street: bytes


@dataclass(frozen=True)
class Observed:
    """What a test asks: ``sound`` has a cache, a canary and a rate limit, ``broken`` has no model server."""

    stack: Stack
    prometheus: Prometheus
    alerts: Webhook
    sound: str
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
    with running_gateway(GATEWAY_PORT=str(port), READY_GRACE_S="3600", **urls):
        yield


@contextmanager
def observe(stack: Stack, folder: Path) -> Iterator[Observed]:
    """Start the sound gateway and what observes both, until the block ends."""
    for binary in PROGRAMS:
        find_binary(binary, binary)
    without_waiting(stack.root / "deploy" / "observability" / "rules")
    sound, broken = free_ports(2)
    with ExitStack() as running:
        alerts = running.enter_context(webhook())
        certificate = running.enter_context(tls_server(folder))
        variables = {
            "GATEWAY_PORT": str(sound),
            "TORCHSERVE_INFERENCE_URL": stack.inference,
            "TORCHSERVE_MANAGEMENT_URL": stack.management,
            "ROUTING_FILE": str(stack.routing_file),
            "CACHE": "memory",
            "RATE_LIMIT": f"{RATE}/minute",
        }
        running.enter_context(running_gateway(**variables))
        settings = {
            "GATEWAY_TARGETS": f"localhost:{sound},localhost:{broken}",
            "CERTIFICATES": f"localhost:{certificate}",
            "SCRAPE_INTERVAL": "1s",
            "ALERT_WEBHOOK_URL": alerts.url,
            "ALERT_GROUP_WAIT": "1s",
        }
        running.callback(lambda: stack.script("scripts/observe.sh", "stop", **settings))
        started = stack.script("scripts/observe.sh", **settings)
        assert started.returncode == 0, started.stdout
        shown = stack.script("scripts/observe.sh", "status", **settings)
        assert (shown.returncode, shown.stdout.count(" ready")) == (0, len(PROGRAMS)), shown.stdout
        prometheus = Prometheus(f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}")
        yield Observed(stack, prometheus, alerts, f"http://127.0.0.1:{sound}", broken)


def traffic(observed: Observed) -> Iterator[int]:
    """Send what a service gets in a bad hour, again and again, and say the statuses of the answers."""
    street = observed.stack.street
    with httpx.Client(timeout=60, trust_env=False) as client:

        def ask(url: str, content: bytes, client_key: str = "") -> int:
            return client.post(f"{url}/predict", content=content, headers={"X-Client-Key": client_key}).status_code

        for number in itertools.count():
            yield ask(observed.sound, jpeg(number + 32, 40), f"camera-{number}")  # each time a new image
            yield ask(observed.sound, street)
            yield ask(observed.sound, b"no image")
            yield ask(observed.broken, street)
            time.sleep(0.3)


def check(observed: Observed) -> None:
    """Every expression has data; an alert travels to the webhook and ends there."""
    prometheus = observed.prometheus
    missing, statuses = {**expressions(), **dashboard_expressions()}, set()
    for name in NEEDS_A_HUNDRED_IMAGES:
        prometheus.query(missing.pop(name))
    with broken_gateway(observed.broken_port):
        wait_until(lambda: len(prometheus.query('up{job="gateway"} == 1')) == 2, "both gateways are scraped")
        sent = traffic(observed)

        def all_have_data() -> bool:
            statuses.update(itertools.islice(sent, 8))
            for name in [name for name, expression in missing.items() if prometheus.has_data(expression)]:
                del missing[name]
            return not missing and statuses >= {200, 415, 429, 503}

        try:
            wait_until(all_have_data, "every expression has data", 90)
        except pytest.fail.Exception:
            pytest.fail(f"statuses {statuses}; no data: {missing}")
        assert prometheus.has_data('yolo_stage_seconds_count{stage="infer"}')
        assert prometheus.has_data('gateway_version_requests_total{role="canary",outcome="ok"} > 0')
        assert prometheus.has_data('gateway_cache_total{outcome="hit"} > 0')
    down = {"alertname": "GatewayDown", "instance": f"localhost:{observed.broken_port}"}
    wait_until(lambda: observed.alerts.has("firing", **down), "the alert has come", 60)
    with broken_gateway(observed.broken_port):
        wait_until(lambda: observed.alerts.has("resolved", **down), "its end has come", 60)
    alert = next(one for one in observed.alerts.alerts if down.items() <= one["labels"].items())
    assert alert["annotations"]["runbook"] == "docs/runbook.md#gatewaydown"
    assert "does not answer" in alert["annotations"]["summary"]
