"""TORCHSERVE_SERVERS: additional model servers by name, for switching between them (blue/green)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from gateway.settings.urls import base_url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_FORM = "name=inference_url|management_url, comma-separated"


@dataclass(frozen=True, slots=True)
class Server:
    """The URLs of one TorchServe's two APIs, without trailing slashes."""

    inference_url: str
    management_url: str


def parse_servers(text: str) -> Mapping[str, Server]:
    """Read the list, which may be empty. Raises ValueError that says what is wrong."""
    servers: dict[str, Server] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, urls = entry.partition("=")
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid name of a server; use {_FORM}")
        if name in servers:
            raise ValueError(f"the server {name!r} is listed twice")
        parts = [part.strip() for part in urls.split("|")]
        if len(parts) != 2:
            raise ValueError(f"the server {name!r} needs two URLs; use {_FORM}")
        servers[name] = Server(*(_base_url(name, part) for part in parts))
    return servers


def _base_url(name: str, text: str) -> str:
    try:
        return base_url(text)
    except ValidationError as error:
        raise ValueError(f"the server {name!r} has an invalid URL: {text!r}") from error
