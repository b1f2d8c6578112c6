"""What the tests of authentication share: a key file as the operator's command writes it, a scrape."""

from __future__ import annotations

from pathlib import Path

import httpx

from ops import keys
from tests.gateway.support.scraping import by_labels


def add_key(
    path: Path,
    name: str = "camera-7",
    scopes: tuple[str, ...] = ("predict",),
    expires: str | None = None,
    models: tuple[str, ...] = (),
) -> str:
    return keys.add(path, name, list(scopes), expires, models)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def attempts(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> dict[tuple[str, ...], float]:
    """gateway_auth_total by method and outcome."""
    return await by_labels(client, "gateway_auth_total", "method", "outcome", headers=headers)
