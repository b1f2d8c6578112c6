"""An image in the bodies that OpenAPI describes: its schemas and its examples."""

from typing import Any

from gateway.intake.url_policy import LONGEST_URL

BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
BASE64: dict[str, Any] = {
    "type": "string",
    "minLength": 4,
    "description": "base64 (RFC 4648, padded, no line breaks), or a data: URL of base64",
}
URL: dict[str, Any] = {
    "type": "string",
    "format": "uri",
    "maxLength": LONGEST_URL,
    "description": "http(s) URL of the image, on a host that URL_ALLOW lists",
}
#: An image in a JSON example: one white pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
#: An image in the example of a form.
BYTES = "the bytes of street.jpg"
