"""What the layers add: the gateway over TorchServe, and TorchServe over the handler's own time.

One client calls both in turn with the same picture, so that both see the same moments of the machine. The handler's
time is what it says itself (`timings_ms.total` in the answer).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import probe, stats
from benchmarks.contestants import ALL
from benchmarks.meter import Meter
from benchmarks.places import tail
from benchmarks.plan import Shape
from benchmarks.servers import Servers
from benchmarks.wire import Target
from ops.errors import OpsError

GATEWAY_MS, TORCHSERVE_MS = 2.5, 5.0


def measure(servers: Servers, meter: Meter, picture: Path, calls: int) -> dict[str, Any]:
    """Start the stack, call it, stop it; return the differences in ms. Raises OpsError."""
    direct, gateway = (next(one for one in ALL if one.name == name) for name in ("stack_direct", "stack_gateway"))
    running = servers.start("stack", Shape(0, 0))
    try:
        form, raw = gateway.target(running.ports), Target(running.ports["gateway"], "/predict", None)
        for one in (direct, gateway):
            probe.first_answer(one, one.target(running.ports), picture, running.exited)
        called = meter.alternating([direct.target(running.ports), form, raw], picture, calls)
    except OpsError as error:
        raise OpsError(f"{error}\n{tail('stack')}") from error
    finally:
        meter.stop()
        servers.stop(running)
    return differences(called)


def differences(called: list[dict[str, Any]]) -> dict[str, Any]:
    """Compute what the layers add from calls to TorchServe, the gateway with a form, the gateway with a raw body."""
    direct, form, raw = (one["latencies_ms"] for one in called)
    handler = [json.loads(body)[0]["timings_ms"]["total"] for body in called[0]["bodies"]]

    def median(values: list[float]) -> float:
        return round(stats.percentile(values, 50) or 0.0, 2)

    def added(outer: list[float], inner: list[float]) -> dict[str, float]:
        paired = [one - other for one, other in zip(outer, inner, strict=True)]
        return {"of_p50": round(median(outer) - median(inner), 2), "paired_p50": median(paired)}

    return {
        "calls": len(direct),
        "p50_ms": {"handler": median(handler), "torchserve": median(direct), "form": median(form), "raw": median(raw)},
        "gateway_form_ms": added(form, direct),
        "gateway_raw_ms": added(raw, direct),
        "torchserve_ms": added(direct, handler),
        "targets": {"gateway_ms": GATEWAY_MS, "torchserve_ms": TORCHSERVE_MS},
    }


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return the differences as a table."""

    def row(title: str, added: dict[str, float], limit: float) -> list[str]:
        kept = "yes" if added["of_p50"] <= limit else "no"
        return [title, f"{added['of_p50']:.2f}", f"{added['paired_p50']:.2f}", f"≤ {limit}", kept]

    return [
        ["added, ms", "difference of p50", "p50 of differences", "wanted", "kept"],
        row("gateway over TorchServe, form upload", found["gateway_form_ms"], GATEWAY_MS),
        row("gateway over TorchServe, raw body", found["gateway_raw_ms"], GATEWAY_MS),
        row("TorchServe over the handler", found["torchserve_ms"], TORCHSERVE_MS),
    ]
