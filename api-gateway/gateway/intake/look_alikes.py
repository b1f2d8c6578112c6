"""Bytes that are sent in place of an image by mistake, told by their beginning."""

from gateway.errors import UnsupportedImage

#: The first bytes of JPEG, PNG, WebP and GIF in base64.
_BASE64 = (b"/9j/", b"iVBORw0KGgo", b"UklGR", b"R0lGOD")
_BEGINNINGS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (_BASE64, "base64 text; send the image's own bytes, and in JSON encode it once"),
    ((b"data:",), 'a data: URL; send it in JSON: {"image": "data:image/jpeg;base64,…"}'),
    ((b"{", b"["), "JSON; send it as Content-Type: application/json"),
    ((b"--",), "a multipart form; send it as Content-Type: multipart/form-data with its boundary"),
    ((b"http://", b"https://"), 'a URL; send it in JSON: {"url": "https://…"}'),
    ((b"<!", b"<h", b"<H", b"<?xml", b"<svg"), "a page or other markup, not an image"),
    ((b"%PDF",), "a PDF document; send its pages as images"),
    ((b"PK\3\4",), "a ZIP archive; send the images in it one by one"),
    ((b"\x1f\x8b",), "gzip; send the image's own bytes, or declare Content-Encoding: gzip"),
)
_LONGEST = 24


def refuse_look_alikes(data: bytes) -> None:
    """Raise :class:`~gateway.errors.UnsupportedImage`, which says what the data looks like; images pass."""
    start = data[: _LONGEST * 2].lstrip()[:_LONGEST]
    for beginnings, name in _BEGINNINGS:
        if start.startswith(beginnings):
            raise UnsupportedImage(f"Not an image: the data looks like {name}.")
