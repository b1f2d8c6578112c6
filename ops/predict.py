"""Send pictures to the gateway and print what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from ops import credentials
from ops.console import say
from ops.errors import KeyNeededError, OpsError

TIMEOUT = httpx.Timeout(connect=2, read=90, write=60, pool=5)


def ask(
    gateway: str, picture: Path, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the gateway's answer for one picture. Raises OpsError with the gateway's own message."""
    try:
        with picture.open("rb") as stream:
            answer = httpx.post(
                f"{gateway}/predict",
                files={"file": (picture.name, stream)},
                params=query,
                headers=credentials.headers() if headers is None else headers,
                timeout=TIMEOUT,
            )
        body: dict[str, Any] = answer.json()
    except OSError as error:
        raise OpsError(f"{picture}: {error.strerror}") from error
    except httpx.HTTPError as error:
        raise OpsError(f"no answer from {gateway} ({error}). Is it up? bash scripts/up.sh") from error
    except ValueError as error:
        raise OpsError(
            f"{gateway} answered no JSON ({answer.status_code}). Is another program on that port?"
        ) from error
    if answer.status_code == 401 or body.get("error", {}).get("code") == "insufficient_scope":
        raise KeyNeededError(f"{body['error']['message']} {credentials.MEND}")
    if answer.status_code != 200:
        raise OpsError(f"{picture}: {body.get('error', {}).get('message', body)}")
    return body


def table(body: dict[str, Any]) -> list[str]:
    """Return the detections of an answer as aligned lines; boxes in pixels of the upright picture."""
    rows = [
        f"  {found['class']:<14} {found['confidence']:.3f}  [{', '.join(f'{value:7.1f}' for value in found['bbox'])}]"
        for found in body["detections"]
    ]
    return rows or ["  nothing found above the confidence threshold"]


def show(
    gateway: str, picture: Path, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> None:
    """Ask for one picture and print the table. Raises OpsError."""
    body = ask(gateway, picture, query, headers)
    image, model = body["image"], body["model"]
    say(f"{picture.name} ({image['width']}×{image['height']}), model {model['name']} {model['version']}:")
    for row in table(body):
        say(row)
