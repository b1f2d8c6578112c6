"""What one image costs each part of the service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """CPU seconds for each image, and bytes on the network.

    `server_s` counts TorchServe and its workers. `gateway_s` is an answered request, `refusal_s` a refused one; both
    are of one process, which cannot use more than one CPU. `redis_s` is what keys, rates, cache and routing take of the
    one Redis, `edge_s` what TLS takes of Caddy.
    """

    server_s: float
    gateway_s: float
    refusal_s: float
    redis_s: float
    edge_s: float
    image_bytes: float
    answer_bytes: float


#: YOLOv8n in float32 (2026-11-30, one core of a Xeon with AVX-512). `server_s`: `bench.sh`, through the gateway. The
#: gateway with rate limits and cache in Redis, Redis and Caddy: 1,500 raw uploads of twelve photographs to a stand-in
#: for TorchServe; a gateway without either takes 2.2 ms. `refusal_s`: docs/performance.md, Overload.
MEASURED = Costs(
    server_s=0.073,
    gateway_s=0.0037,
    refusal_s=0.0010,
    redis_s=0.00036,
    edge_s=0.00115,
    image_bytes=176_000,
    answer_bytes=2_000,
)
