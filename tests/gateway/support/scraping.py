"""What GET /metrics tells, read as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.endpoints import HTTP


def samples(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def total(text: str, name: str, labels: Mapping[str, str] | None = None) -> float:
    """Add up the samples of this name that have these labels, and maybe others; 0 where there is none."""
    wanted = (labels or {}).items()
    return sum(sample.value for sample in samples(text) if sample.name == name and wanted <= sample.labels.items())


async def metric(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    return total((await client.get("/metrics")).text, name, labels)


def metric_at(url: str, name: str, **labels: str) -> float:
    """Ask a gateway that is a process."""
    return total(HTTP.get(f"{url}/metrics").text, name, labels)


async def by_labels(
    client: httpx.AsyncClient, name: str, *labels: str, headers: dict[str, str] | None = None
) -> dict[tuple[str, ...], float]:
    """Return the samples of this name by the values of these labels."""
    text = (await client.get("/metrics", headers=headers)).text
    return {tuple(one.labels[label] for label in labels): one.value for one in samples(text) if one.name == name}
