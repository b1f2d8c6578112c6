"""What each layer adds: differences of latencies, and their table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.report import stats
from benchmarks.report.tables import DASH, Row

TARGETS = {"gateway_ms": 2.5, "torchserve_ms": 5.0, "cache_hit_ms": 3.0, "observed_ms": 0.3, "observed_share": 0.97}
#: The published differences to a direct call: their key, the kind of call, the title in the table.
LAYERS = (
    ("gateway_form_ms", "form", "gateway over {}, form upload"),
    ("gateway_raw_ms", "raw", "gateway over {}, raw body"),
    ("everything_form_ms", "everything_form", "the same with everything on, form upload"),
    ("everything_raw_ms", "everything_raw", "the same with everything on, raw body"),
)


def compute(called: Mapping[str, Mapping[str, Any]], server: str) -> dict[str, Any]:
    """Compute what the layers add over the model server called directly. `server` is its name in `p50_ms`.

    `called` has the results of `loops.alternating` by kind of call: `direct`, those of LAYERS, and `cache_hit`.
    """
    latencies = {kind: one["latencies_ms"] for kind, one in called.items()}
    p50 = {kind: median(values) for kind, values in latencies.items()}
    first_p50 = {kind: median(one["first_ms"]) for kind, one in called.items()}
    found: dict[str, Any] = {
        "calls": len(latencies["direct"]),
        "p50_ms": {server: p50.pop("direct"), **p50},
        "after_pause_p50_ms": {server: first_p50.pop("direct"), **first_p50},
        **{key: difference(latencies[kind], latencies["direct"]) for key, kind, _ in LAYERS},
    }
    if server == "torchserve":  # the stand-in has no handler
        handler = [json.loads(body)[0]["timings_ms"]["total"] for body in called["direct"]["bodies"]]
        found["p50_ms"] = {"handler": median(handler), **found["p50_ms"]}
        found["torchserve_ms"] = difference(latencies["direct"], handler)
    return found


def median(values: list[float]) -> float:
    """Return the median, rounded to hundredths."""
    return round(stats.percentile(values, 50) or 0.0, 2)


def difference(outer: list[float], inner: list[float]) -> dict[str, float]:
    """Return the difference of the medians, and the median of the differences call by call."""
    paired = [one - other for one, other in zip(outer, inner, strict=True)]
    return {"of_p50": round(median(outer) - median(inner), 2), "paired_p50": median(paired)}


def table(found: Mapping[str, Any]) -> list[Row]:
    """Return the differences over TorchServe and over the stand-in as a table."""
    rows = [["added at p50, ms", "difference of p50", "p50 of differences", "wanted", "kept"]]
    for where, one in (("TorchServe", found), ("a server that answers at once", found["stand_in"])):
        for key, _, title in LAYERS:
            rows.append(line(title.format(where), one[key]["of_p50"], TARGETS["gateway_ms"], one[key]["paired_p50"]))
        rows.append(line("  (a cache hit, the whole answer)", one["p50_ms"]["cache_hit"], TARGETS["cache_hit_ms"]))
    over = found["torchserve_ms"]
    return [*rows, line("TorchServe over the handler", over["of_p50"], TARGETS["torchserve_ms"], over["paired_p50"])]


def observed_table(found: Mapping[str, Any]) -> list[Row]:
    """Return what metrics, the log and traces of one request in ten cost, as a table."""
    rows = [["observed and not, in turn", "p50 added, ms", "wanted", "kept", "images/s, share", "wanted", "kept"]]
    wanted_ms, wanted_share = TARGETS["observed_ms"], TARGETS["observed_share"]
    for where, one in (("TorchServe", found), ("a server that answers at once", found["stand_in"])):
        added, share = one["observed"]["added_ms"]["of_p50"], one["observed"]["of_unobserved"]["median"]
        kept = [("yes" if is_kept else "no") for is_kept in (added <= wanted_ms, share >= wanted_share)]
        row = [f"gateway over {where}", f"{added:.2f}", f"≤ {wanted_ms:g}", kept[0]]
        rows.append([*row, f"{share:.3f}", f"≥ {wanted_share:g}", kept[1]])
    return rows


def line(title: str, measured: float, limit: float, paired: float | None = None) -> Row:
    """Return one row of the table."""
    shown = DASH if paired is None else f"{paired:.2f}"
    return [title, f"{measured:.2f}", shown, f"≤ {limit:g}", "yes" if measured <= limit else "no"]
