"""Where and how images are sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BOUNDARY = "----------------bench0fd1c5a0"


@dataclass(frozen=True)
class Target:
    """The endpoint of a server. An image is sent as the form field `field`, or as the raw body when `field` is None.

    `headers` are added to each request. `unique` asks for images that differ from each other, so that a cache never
    holds the answer; see `loops.alternating`.
    """

    port: int
    path: str
    field: str | None = None
    host: str = "127.0.0.1"
    headers: tuple[tuple[str, str], ...] = ()
    unique: bool = False

    def request(self, image: Path, suffix: bytes = b"") -> bytes:
        """Return the whole request for an image, head and body, ready for the socket.

        `suffix` is appended to the image's bytes: decoders ignore it, but a cache sees another file.
        """
        body, content_type = image.read_bytes() + suffix, "image/jpeg"
        if self.field is not None:
            head = (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.field}"; filename="picture.jpg"\r\n'
                "Content-Type: image/jpeg\r\n\r\n"
            )
            body = head.encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()
            content_type = f"multipart/form-data; boundary={BOUNDARY}"
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nAccept: application/json\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in self.headers)
            + "\r\n"
        )
        return head.encode() + body
