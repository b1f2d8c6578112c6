"""The settings of the scripts, some of which Compose reads too. Standard library only.

The two servers declare theirs in `api-gateway/gateway/settings/` and `serving/torchserve/`, and `deploy/settings/`
those of Compose alone. `scripts/settings.sh` writes the documentation and the Compose files from all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """A setting: its default as text (empty: none, or computed), its help, and its bounds in words."""

    name: str
    default: str
    help: str
    bounds: str = ""


def _port(name: str, default: int, text: str) -> Variable:
    return Variable(name, str(default), text, "1 to 65535")


BIND = Variable(
    "BIND",
    "127.0.0.1",
    "Address on which the gateway can be reached. `0.0.0.0` opens it to the network. The gateway then starts only if "
    "an API key or a token issuer is configured, or with `AUTH=off`.",
)
PORTS = (
    _port("GATEWAY_PORT", 8001, "Port of the gateway, which people and programs use."),
    _port(
        "INFERENCE_PORT",
        8085,
        "Port of TorchServe's inference API. In Compose also 0: a free one for each of `TORCHSERVE_REPLICAS`.",
    ),
    _port(
        "MANAGEMENT_PORT",
        8086,
        "Port of TorchServe's management API. It can register and remove models, so it is on 127.0.0.1 whatever `BIND` "
        "says, and refuses web pages. In Compose also 0, as above.",
    ),
)

WEIGHTS = Variable(
    "WEIGHTS",
    "",
    "Source of the weights if `models/weights/best.pt` is absent: a path (scripts) or a URL (scripts and Compose). "
    "They are packaged also if there is an archive of other weights. Empty: that archive is served, or demonstration "
    "weights are downloaded.",
)
WEIGHTS_SHA256 = Variable(
    "WEIGHTS_SHA256",
    "",
    "SHA-256 of the weights; of several models, all of them, separated by commas. If it is set, other weights are "
    "neither loaded nor packaged. Empty: any.",
    "64 hexadecimal digits each",
)
TRUST_WEIGHTS = Variable(
    "TRUST_WEIGHTS",
    "false",
    "`true`: load weights that hold more than Ultralytics' and torch's own classes. Their code then runs, in the "
    "packager and with `ENGINE=torch` in the workers: set it for weights that you made yourself.",
    "true, false",
)
OBSERVABILITY_PORTS = (
    _port("PROMETHEUS_PORT", 9090, "Port of Prometheus, on 127.0.0.1. It requires no authentication."),
    _port("ALERTMANAGER_PORT", 9093, "Port of Alertmanager, on 127.0.0.1. It requires no authentication."),
    _port("VICTORIA_LOGS_PORT", 9428, "Port of VictoriaLogs, on 127.0.0.1. It requires no authentication."),
)
METRICS_KEY_FILE = Variable(
    "METRICS_KEY_FILE",
    "",
    "File with an API key of the scope `admin`, with which Prometheus asks the gateway for its metrics. Empty: the "
    "gateway requires none. In Compose a path below `secrets/observability/`.",
)
OBSERVABILITY = (
    METRICS_KEY_FILE,
    Variable(
        "GATEWAY_TARGETS",
        "",
        "The gateways that Prometheus asks, as `host:port`, comma-separated. Empty: this service's.",
    ),
    Variable(
        "CERTIFICATES",
        "",
        "Addresses as `host:port`, comma-separated, whose certificates Prometheus watches through a blackbox exporter.",
    ),
    Variable("SCRAPE_INTERVAL", "15s", "How often Prometheus asks for metrics and evaluates the rules."),
    Variable("METRICS_KEPT", "15d", "How long Prometheus keeps what it has seen."),
    Variable("LOGS_KEPT", "7d", "How long VictoriaLogs keeps lines of the log."),
    Variable(
        "LOGS_MAX_BYTES",
        "5368709120",
        "How much of the disk VictoriaLogs takes for them; then the lines of the oldest day go.",
    ),
    Variable("ALERT_WEBHOOK_URL", "", "Address to which Alertmanager posts alerts as JSON. Empty: none."),
    Variable("ALERT_EMAIL_TO", "", "Addresses to which Alertmanager sends alerts, comma-separated. Empty: none."),
    Variable("ALERT_EMAIL_FROM", "", "Address that these mails come from."),
    Variable("ALERT_SMTP_HOST", "", "Server that takes these mails, as `host:port`."),
    Variable("ALERT_SMTP_USER", "", "User there. Empty: no authentication and no TLS, for a relay on this machine."),
    Variable(
        "ALERT_SMTP_PASSWORD_FILE",
        "",
        "File with the password of `ALERT_SMTP_USER`. In Compose a path below `secrets/`.",
    ),
    Variable("ALERT_GROUP_WAIT", "30s", "How long the first alert waits for others of its name."),
    Variable("ALERT_REPEAT", "4h", "After which time an alert that still fires is sent again."),
)

NATIVE_PORTS = (
    _port("METRICS_PORT", 8087, "Port of TorchServe's metrics, on 127.0.0.1. Compose does not publish it."),
    _port("GRPC_INFERENCE_PORT", 7070, "Port of TorchServe's gRPC inference, on 127.0.0.1."),
    _port("GRPC_MANAGEMENT_PORT", 7071, "Port of TorchServe's gRPC management, on 127.0.0.1."),
    _port(
        "GREEN_INFERENCE_PORT", 8185, "Inference port of the second TorchServe of a blue/green switch, on 127.0.0.1."
    ),
    _port("GREEN_MANAGEMENT_PORT", 8186, "Management port of the second TorchServe, on 127.0.0.1."),
    _port("GREEN_METRICS_PORT", 8187, "Metrics port of the second TorchServe, on 127.0.0.1."),
    _port("GREEN_GRPC_INFERENCE_PORT", 7170, "Port of the second TorchServe's gRPC inference, on 127.0.0.1."),
    _port("NODE_EXPORTER_PORT", 9100, "Port of the node exporter that `observe.sh` starts, on 127.0.0.1."),
    _port("BLACKBOX_PORT", 9115, "Port of the blackbox exporter that `observe.sh` starts, on 127.0.0.1."),
    _port("GREEN_GRPC_MANAGEMENT_PORT", 7171, "Port of the second TorchServe's gRPC management, on 127.0.0.1."),
)
MODEL_STORE = Variable(
    "MODEL_STORE",
    "",
    "Folder of the archives; a relative path begins in the checkout. Empty: `serving/torchserve/model-store`.",
)

REGISTRY = Variable(
    "REGISTRY",
    "",
    "Registry and namespace of the released images and archives, such as `ghcr.io/me/yolo`. Plain HTTP is spoken on "
    "loopback only. User and password: `docker login`.",
)
COSIGN_KEY = Variable(
    "COSIGN_KEY",
    "",
    "Private key that a push signs with: a file, or an address that cosign knows (`awskms://…`). Its password is in "
    "`COSIGN_PASSWORD`, of the environment alone, or is asked for. Empty: releases are not signed.",
)
COSIGN_PUBLIC_KEY = Variable(
    "COSIGN_PUBLIC_KEY",
    "",
    "Public key of who releases. A pull refuses what is not signed with it. Empty: signatures are not looked at.",
)

TORCH_INDEX = Variable(
    "TORCH_INDEX",
    "https://download.pytorch.org/whl/cpu",
    "Package index with torch built for the CPU, or a mirror of it. If it does not answer, pip's configured index is "
    "used.",
)
ALLOW_CUDA = Variable(
    "ALLOW_CUDA",
    "",
    "`1`: natively, accept torch's CUDA build if no other is available. It is gigabytes larger and no faster on a CPU.",
)
