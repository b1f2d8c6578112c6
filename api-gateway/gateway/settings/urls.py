"""Addresses as settings have them: checked once, and kept as text."""

from pydantic import HttpUrl, TypeAdapter

_url: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def whole_url(text: str) -> str:
    """Return an ``http(s)`` address in its one form. Raises :class:`pydantic.ValidationError` (a ValueError)."""
    return str(_url.validate_python(text))


def base_url(text: str) -> str:
    """Return it without a trailing slash, for paths to be put behind it."""
    return whole_url(text).rstrip("/")
