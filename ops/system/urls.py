"""Addresses that people name: how they are shown, and what of them is a secret."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit


def is_url(text: str) -> bool:
    """Say whether this is an address rather than a path."""
    return text.lower().startswith(("http://", "https://"))


def shown(url: str, *, query: bool = True) -> str:
    """Return an address without the user and password that may stand in it, and without its query if that is a key."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare if query else bare._replace(query="", fragment=""))


def basic(url: str) -> dict[str, str]:
    """Return the header that carries the user and password of an address, if it has any: urllib sends none."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
