"""TORCHSERVE_SERVERS: further model servers by name, for switching between them (blue/green)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from gateway.settings.urls import base_url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_FORM = "name=inference_url|management_url with commas between"


@dataclass(frozen=True, slots=True)
class Server:
    """Where one TorchServe is: its two APIs, without trailing slashes."""

    inference_url: str
    management_url: str


def parse_servers(text: str) -> Mapping[str, Server]:
    """Read the list; empty is none. Raises ValueError that says what is wrong."""
    servers: dict[str, Server] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, urls = entry.partition("=")
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a server's name; use {_FORM}")
        if name in servers:
            raise ValueError(f"the server {name!r} is named twice")
        parts = [part.strip() for part in urls.split("|")]
        if len(parts) != 2:
            raise ValueError(f"the server {name!r} needs two URLs; use {_FORM}")
        servers[name] = Server(*(_base_url(name, part) for part in parts))
    return servers


def _base_url(name: str, text: str) -> str:
    try:
        return base_url(text)
    except ValidationError as error:
        raise ValueError(f"the server {name!r} has a URL that is none: {text!r}") from error
