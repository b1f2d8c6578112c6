"""What one image costs each part of the service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """CPU seconds for each image, bytes on the network, memory and the time to start.

    `server_s` counts TorchServe and its workers. `gateway_s` is an answered request, `refusal_s` a refused one; both
    are of one process, which cannot use more than one CPU. `redis_s` is what keys, rates, cache and routing take of the
    one Redis, `edge_s` what TLS takes of Caddy. `start_s` is the time from starting a server to its first answer.
    """

    server_s: float
    gateway_s: float
    refusal_s: float
    redis_s: float
    edge_s: float
    image_bytes: float
    answer_bytes: float
    server_mb: float
    gateway_mb: float
    start_s: float


#: YOLOv8n in float32 (2026-11-30, one core of a Xeon with AVX-512). `server_s` and `start_s`: `bench.sh`, through the
#: gateway. The gateway with rate limits and cache in Redis, Redis and Caddy: 1,500 raw uploads of twelve photographs
#: to a stand-in for TorchServe; a gateway without either takes 2.2 ms. `refusal_s`: docs/performance.md, Overload.
MEASURED = Costs(
    server_s=0.073,
    gateway_s=0.0037,
    refusal_s=0.0010,
    redis_s=0.00036,
    edge_s=0.00115,
    image_bytes=176_000,
    answer_bytes=2_000,
    server_mb=1_150,
    gateway_mb=100,
    start_s=8.0,
)
