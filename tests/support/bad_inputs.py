"""The table of bad requests to `/predict`, each with the answer that it must get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.pictures import huge_png, jpeg


@dataclass(frozen=True)
class BadInput:
    """A request to the gateway's /predict that is the caller's mistake, and the answer it must get."""

    name: str
    status: int
    code: str
    body: bytes = b""
    field_name: str | None = "file"
    content_type: str = "image/jpeg"
    query: dict[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return the keyword arguments for httpx: a form, or a raw body when there is no field name."""
        if self.field_name is None:
            return {"content": self.body, "headers": {"content-type": self.content_type}, "params": self.query}
        return {"files": {self.field_name: ("p.jpg", self.body, self.content_type)}, "params": self.query}


BAD_INPUTS = [
    BadInput("a text file", 415, "unsupported_image", b"hello, this is no picture\n" * 20, content_type="text/plain"),
    BadInput("an empty file", 400, "invalid_image"),
    BadInput("a truncated JPEG", 400, "invalid_image", jpeg(640, 480)[:3000]),
    BadInput("a 0-byte body", 400, "invalid_image", field_name=None),
    BadInput("a 30 MB upload", 413, "body_too_large", b"\xff\xd8\xff" + bytes(30_000_000)),
    BadInput("a 20 000 × 20 000 PNG", 413, "image_too_large", huge_png(), content_type="image/png"),
    BadInput("a wrong field name", 422, "missing_file", jpeg(), field_name="picture"),
    BadInput("conf=2", 422, "invalid_parameter", jpeg(), query={"conf": "2"}),
]
