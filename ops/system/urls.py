"""URLs from the command line and the settings, which may contain credentials."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit


def is_url(text: str) -> bool:
    """Tell whether a text is a URL rather than a path."""
    return text.lower().startswith(("http://", "https://"))


def redact(url: str, *, query: bool = True) -> str:
    """Return a URL without user and password; without `query` also without its query, which may contain a key."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare if query else bare._replace(query="", fragment=""))


def basic_auth_header(url: str) -> dict[str, str]:
    """Return the Authorization header for the user and password of a URL, if any: urllib does not send them."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
