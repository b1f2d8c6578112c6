"""URLs in settings: validated once, and kept as text."""

from pydantic import HttpUrl, TypeAdapter

_url: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def whole_url(text: str) -> str:
    """Return an ``http(s)`` URL in its normal form. Raises :class:`pydantic.ValidationError` (a ValueError)."""
    return str(_url.validate_python(text))


def base_url(text: str) -> str:
    """Return an ``http(s)`` URL in its normal form, without a trailing slash, so that paths can be appended."""
    return whole_url(text).rstrip("/")


def base_urls(text: str) -> str:
    """Return a comma-separated list of such URLs, each in its normal form."""
    return ",".join(base_url(part.strip()) for part in text.split(","))
