"""The settings that Compose alone reads: addresses, images, memory, CPUs."""

from __future__ import annotations

from ops.system.variables import Variable

INFERENCE_BIND = Variable(
    "INFERENCE_BIND",
    "127.0.0.1",
    "The same as `BIND` for TorchServe's inference API, in Compose. It has no authentication and refuses only web "
    "pages: open it to a trusted network only. Under a host name it answers if `ALLOWED_HOSTS` lists that.",
)
GREEN_HANDLER_FROM = Variable(
    "GREEN_HANDLER_FROM",
    "image",
    "The same as `HANDLER_FROM` for the second server of a blue/green switch, in Compose. It has its own setting "
    "because the handler is usually what is new there.",
    "archive, image",
)
TORCH_CUDA_INDEX = Variable(
    "TORCH_CUDA_INDEX",
    "https://download.pytorch.org/whl/cu130",
    "The same as `TORCH_INDEX` for the image of `docker-compose.gpu.yml`.",
)
COMPOSE = (
    Variable(
        "COMPOSE_PROFILES",
        "",
        "Additional services, comma-separated: `edge` (TLS by Caddy), `redis`, `observability` (metrics, alerts, "
        "dashboards, traces, logs).",
    ),
    Variable(
        "DOMAIN",
        "localhost",
        "Profile edge: the public name. Caddy obtains a certificate for it; for `localhost`, from Caddy's own "
        "authority.",
    ),
    Variable("EDGE_BIND", "0.0.0.0", "Profile edge: address to listen on."),  # noqa: S104 - it faces the internet
    Variable("EDGE_HTTP_PORT", "80", "Profile edge: port for plain HTTP, which only redirects.", "1 to 65535"),
    Variable("EDGE_HTTPS_PORT", "443", "Profile edge: port for HTTPS, including HTTP/3 (UDP).", "1 to 65535"),
    Variable(
        "EDGE_RETRY_BYTES",
        "0",
        "Profile edge: bodies smaller than this are held until the answer is there, so that a request whose gateway is "
        "lost [goes to another one](scaling.md#several-gateways). 0: every body is streamed.",
    ),
    Variable(
        "EDGE_MEMORY",
        "256m",
        "Profile edge: memory limit of the container: about 0.1 GB, plus twice `EDGE_RETRY_BYTES` for each request at "
        "the same time.",
    ),
    Variable("CADDY_IMAGE", "caddy:2.11.4-alpine", "Profile edge: container image. Retries need Caddy 2.11 or later."),
    Variable("REDIS_MAXMEMORY", "128mb", "Profile redis: maximum size of the data."),
    Variable("REDIS_MEMORY", "256m", "Profile redis: memory limit of the container, about twice `REDIS_MAXMEMORY`."),
    Variable("REDIS_IMAGE", "redis:7.2.11-bookworm", "Profile redis: container image."),
    Variable("GRAFANA_PORT", "3000", "Profile observability: port of Grafana, on this machine.", "1 to 65535"),
    *(
        Variable(f"{name}_IMAGE", image, f"Profile observability: container image of {title}.")
        for name, title, image in (
            ("PROMETHEUS", "Prometheus", "prom/prometheus:v2.53.4"),
            ("ALERTMANAGER", "Alertmanager", "prom/alertmanager:v0.28.1"),
            ("NODE_EXPORTER", "the node exporter", "prom/node-exporter:v1.9.1"),
            ("BLACKBOX", "the blackbox exporter", "prom/blackbox-exporter:v0.26.0"),
            ("GRAFANA", "Grafana", "grafana/grafana:11.6.1"),
            ("VICTORIA_LOGS", "VictoriaLogs", "victoriametrics/victoria-logs:v1.51.0"),
            ("LOG_AGENT", "the log agent, syslog-ng", "balabit/syslog-ng:4.10.2"),
        )
    ),
    Variable(
        "DOCKER_CONTAINERS",
        "/var/lib/docker/containers",
        "Profile observability: the folder in which Docker keeps the containers' output: `containers` in the `Docker "
        "Root Dir` that `docker info` names.",
    ),
    Variable("JAEGER_PORT", "16686", "Profile observability: port of Jaeger's page, on this machine.", "1 to 65535"),
    Variable("JAEGER_IMAGE", "jaegertracing/jaeger:2.11.0", "Profile observability: container image of Jaeger."),
    Variable("JAEGER_MEMORY", "1g", "Profile observability: memory limit of Jaeger, which keeps traces in memory."),
    Variable(
        "TORCHSERVE_REPLICAS",
        "1",
        "Number of TorchServe's containers, between which the gateway [shares the images](scaling.md). Several need "
        "`INFERENCE_PORT=0` and `MANAGEMENT_PORT=0`.",
        "1 to 16",
    ),
    Variable(
        "TORCHSERVE_MEMORY",
        "4g",
        "Memory limit of TorchServe's container: about 0.3 GB, plus 0.4 GB and `MAX_DECODE_BYTES` per worker, plus the "
        "unpacked archives (`TORCHSERVE_TMP`). [Several models](models.md#memory) has the estimate for several models.",
    ),
    Variable(
        "GATEWAY_REPLICAS",
        "1",
        "Number of the gateway's containers, between which the profile edge [shares the "
        "requests](scaling.md#several-gateways). Several need `GATEWAY_PORT_LAST`.",
        "1 to 16",
    ),
    Variable(
        "GATEWAY_PORT_LAST",
        "",
        "Last port of the range that begins with `GATEWAY_PORT`, of which each gateway gets one. Empty: one port.",
        "1 to 65535",
    ),
    Variable(
        "GATEWAY_MEMORY",
        "1g",
        "Memory limit of the gateway's container: about 0.1 GB, plus twice "
        "`UPLOAD_MEMORY_BYTES`, plus `DRAW_MEMORY_BYTES`.",
    ),
    Variable("ARCHIVER_MEMORY", "4g", "Memory limit of the packager's container."),
    Variable(
        "TORCHSERVE_TMP",
        "2g",
        "Space for unpacked archives, in memory: the size of the .mar for each loaded version of each model.",
    ),
    Variable("TORCHSERVE_CPUS", "0", "CPUs that TorchServe may use, such as 1.5. 0: all."),
    Variable(
        "IMAGE_TAG",
        "local",
        "Tag of the images that are built, or of released ones, which [`release_images.sh pull`](registry.md) sets.",
    ),
    Variable(
        "IMAGE_POLICY",
        "build",
        "`build`: the images are built from the checkout. `never`: those of `IMAGE_TAG` are used as they are, released "
        "ones for instance. Compose pulls neither from a registry.",
        "build, never",
    ),
    Variable("GREEN_IMAGE_TAG", "green", "Tag of the second server's image, for blue/green."),
    Variable(
        "BASE_IMAGE",
        "debian:bookworm-slim",
        "Base image of the builds, a Debian bookworm. Your own may bring a company's certificates and package mirrors.",
    ),
)
