"""TORCHSERVE_SERVERS: further model servers by name, for switching between them (blue/green)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from gateway.urls import base_url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_FORM = 'name=inference_url|management_url with commas between, or {"name": "inference_url|management_url"}'


@dataclass(frozen=True, slots=True)
class Server:
    """Where one TorchServe is: its two APIs, without trailing slashes."""

    inference_url: str
    management_url: str


def parse_servers(text: str) -> Mapping[str, Server]:
    """Read the list, in either of its two forms; empty is none. Raises ValueError that says what is wrong."""
    text = text.strip()
    if text.startswith("{"):
        pairs = _pairs_of_json(text)
    else:
        pairs = [entry.partition("=")[::2] for entry in map(str.strip, text.split(",")) if entry]
    servers: dict[str, Server] = {}
    for name, urls in ((name.strip(), urls) for name, urls in pairs):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a server's name; use {_FORM}")
        if name in servers:
            raise ValueError(f"the server {name!r} is named twice")
        parts = [part.strip() for part in urls.split("|")]
        if len(parts) != 2:
            raise ValueError(f"the server {name!r} needs two URLs; use {_FORM}")
        servers[name] = Server(*(_base_url(name, part) for part in parts))
    return servers


def _pairs_of_json(text: str) -> list[tuple[str, str]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError as error:
        raise ValueError(f"no JSON ({error}); use {_FORM}") from error
    if not all(isinstance(value, str) for _, value in pairs):
        raise ValueError(f"a value that is no text; use {_FORM}")
    return [(str(name), value) for name, value in pairs]


def _base_url(name: str, text: str) -> str:
    try:
        return base_url(text)
    except ValidationError as error:
        raise ValueError(f"the server {name!r} has a URL that is none: {text!r}") from error
