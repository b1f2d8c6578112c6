"""What the tests of authentication share: a key file as the operator's command writes it, a scrape."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from ops import keys


def add_key(
    path: Path, name: str = "camera-7", scopes: tuple[str, ...] = ("predict",), expires: str | None = None
) -> str:
    return keys.add(path, name, list(scopes), expires)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def attempts(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> dict[tuple[str, str], float]:
    """gateway_auth_total by method and outcome."""
    text = (await client.get("/metrics", headers=headers)).text
    return {
        (sample.labels["method"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "gateway_auth_total"
    }
