"""Send pictures to the gateway and print what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx

from ops.errors import KeyNeededError, NotRunningError, OpsError, UsageError
from ops.gateways import api_key
from ops.terminal.console import say

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
                headers=api_key.headers() if headers is None else headers,
                timeout=TIMEOUT,
                trust_env=by_proxy(gateway),
            )
        body: dict[str, Any] = answer.json()
    except OSError as error:
        raise OpsError(f"{picture}: {error.strerror}") from error
    except httpx.InvalidURL as error:
        raise UsageError(f"{gateway}: this is no address of a gateway") from error
    except httpx.HTTPError as error:
        raise NotRunningError(f"no answer from {gateway} ({error}). Is it up? bash scripts/up.sh") from error
    except ValueError as error:
        raise OpsError(
            f"{gateway} answered no JSON ({answer.status_code}). Is another program on that port?"
        ) from error
    if answer.status_code == 200:
        return body
    try:
        code, message = body["error"].get("code"), str(body["error"]["message"])
    except (KeyError, TypeError, AttributeError):
        code, message = None, f"{gateway} answers {answer.status_code}. Is another program on that port?"
    if answer.status_code == 401 or code == "insufficient_scope":
        raise KeyNeededError(f"{message} {api_key.MEND}")
    raise OpsError(f"{picture}: {message}")


def by_proxy(url: str) -> bool:
    """Say whether a proxy of the environment may be asked for an address: never for this machine's own."""
    try:
        host = httpx.URL(url).host
        return not (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:  # a name
        return True
    except httpx.InvalidURL:
        return False


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
