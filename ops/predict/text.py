"""Detections as lines for a person."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.gateways import api_key
from ops.predict.client import Gateway, connect
from ops.terminal.console import say


def lines(name: str, body: dict[str, Any]) -> list[str]:
    """Return the answer for one picture as aligned lines; boxes in pixels of the upright picture."""
    image, model = body["image"], body["model"]
    rows = [
        f"  {found['class']:<14} {found['confidence']:.3f}  [{', '.join(f'{value:7.1f}' for value in found['bbox'])}]"
        for found in body["detections"]
    ]
    head = f"{name} ({image['width']}×{image['height']}), model {model['name']} {model['version']}:"
    return [head, *(rows or ["  nothing found above the confidence threshold"])]


def show(url: str, picture: Path) -> None:
    """Send one picture to the gateway and print what is found. Raises OpsError, KeyNeededError."""

    try:
        content = picture.read_bytes()
    except OSError as error:
        raise OpsError(f"{picture}: {error.strerror}") from error

    async def ask() -> dict[str, Any]:
        async with connect(url) as client:
            return (await Gateway(url, client, headers=api_key.headers(), retries=0).ask(content)).body

    for line in lines(picture.name, asyncio.run(ask())):
        say(line)
