"""The files of the pages at ``/`` and ``/docs``: read once from the packages, served from memory.

Swagger UI comes from the package fastapi-swagger, of which nothing but these two files is used.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
PAGE, DOCS = "page.html", "docs.html"
SWAGGER_UI_PACKAGE = "fastapi_swagger"
SWAGGER_UI_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
#: By suffix; files with another suffix are not served. Python's own table depends on the machine.
MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Nothing from other origins, nothing inline, no frames. Images are shown from memory (blob:).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
#: Swagger UI's style sheet has images of its own, as data: addresses.
DOCS_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    # Revalidated every time and answered 304: after an update, no old and new files are mixed.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file's bytes, its Content-Type, and the ETag of the bytes."""

    content: bytes
    media_type: str
    etag: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return every file of the pages by name. Names are looked up here and never joined to a path."""
    return {
        path.name: StaticFile(content, MEDIA_TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        for path in (*sorted(FOLDER.iterdir()), *(_swagger_ui() / name for name in SWAGGER_UI_FILES))
        if path.suffix in MEDIA_TYPES
        for content in (path.read_bytes(),)
    }


def _swagger_ui() -> Path:
    # Found without importing it: the package's own code is not needed.
    spec = find_spec(SWAGGER_UI_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{SWAGGER_UI_PACKAGE} is missing: install api-gateway/requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "resources"


def file_response(request: Request, file: StaticFile, headers: Mapping[str, str] | None = None) -> Response:
    """Return a file, or 304 if the browser has it."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    sent = {**HEADERS, "ETag": file.etag, **(headers or {})}
    if file.etag in known:
        return Response(status_code=304, headers=sent)
    return Response(file.content, headers={**sent, "Content-Type": file.media_type})
