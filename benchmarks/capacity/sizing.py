"""How many of what a rate takes, and which part reaches its limit first. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.capacity.costs import Costs

BITS = 8


@dataclass(frozen=True)
class Machine:
    """CPUs, and the network in bits per second, of which `utilisation` is used in normal operation."""

    cpus: int = 16
    network_bps: float = 10e9
    utilisation: float = 0.7


@dataclass(frozen=True)
class Need:
    """What a rate takes: CPUs as fractions, everything else in whole numbers, the network in bits per second.

    `server_machines` have nothing but TorchServe on them. The network is what comes in from clients; it goes a second
    time from the gateways to the servers.
    """

    server_cpus: float
    server_machines: int
    gateways: int
    redis_cpus: float
    edge_cpus: float
    network_bps: float


def need(rate: float, costs: Costs, machine: Machine) -> Need:
    """Return what `rate` images per second take."""
    share = machine.utilisation
    server_cpus = rate * costs.server_s / share
    return Need(
        server_cpus=server_cpus,
        server_machines=math.ceil(server_cpus / machine.cpus),
        gateways=math.ceil(rate * costs.gateway_s / share),
        redis_cpus=rate * costs.redis_s / share,
        edge_cpus=rate * costs.edge_s / share,
        network_bps=rate * (costs.image_bytes + costs.answer_bytes) * BITS,
    )


def limits(costs: Costs, machine: Machine) -> list[tuple[str, float]]:
    """Return what one of each part can do, in images per second at the machine's utilisation, the least first.

    One CPU for a gateway and for Redis, which are single-threaded; a whole machine for everything else.
    """
    share = machine.utilisation
    each = {
        "a machine of TorchServe": machine.cpus * share / costs.server_s,
        "a gateway process": share / costs.gateway_s,
        "a machine of gateways": machine.cpus * share / costs.gateway_s,
        "a machine's network": share * machine.network_bps / BITS / (costs.image_bytes + costs.answer_bytes),
        "a machine of Caddy": machine.cpus * share / costs.edge_s,
        "the one Redis": share / costs.redis_s,
    }
    return sorted(each.items(), key=lambda part: part[1])
