"""Security headers of every answer: no content sniffing, no framing, no caching."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

#: For every answer, unless the route has set its own.
DEFAULTS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),  # detections, errors and states are of this moment and this caller
)
#: JSON and text need nothing at all. A page needs its own policy; one without any must at least not be framed.
POLICY: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
PAGE_POLICY: Header = (b"content-security-policy", b"frame-ancestors 'none'; base-uri 'none'; form-action 'self'")


def missing_headers(present: list[Header], hsts: Header | None) -> list[Header]:
    """Return what to add to an answer with these headers (names in lower case); what a route has set stays."""
    names = {name.lower(): value for name, value in present}
    page = names.get(b"content-type", b"").startswith(b"text/html")
    wanted = [*DEFAULTS, PAGE_POLICY if page else POLICY]
    if hsts is not None:
        wanted.append(hsts)
    return [header for header in wanted if header[0] not in names]


class SecurityHeadersMiddleware:
    """Pure ASGI layer that completes every answer's headers; ``Strict-Transport-Security`` only where TLS is spoken.

    Never for the host name ``localhost``: browsers would then refuse plain HTTP to every other server on this machine.
    """

    def __init__(self, app: ASGIApp, hsts_max_age_s: int) -> None:
        self.app = app
        self.hsts = (b"strict-transport-security", b"max-age=%d" % hsts_max_age_s) if hsts_max_age_s else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on and complete its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def completing_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = list(message.get("headers", ()))
                hsts = self.hsts if scope["scheme"] == "https" and not _is_localhost(scope) else None
                message["headers"] = [*present, *missing_headers(present, hsts)]
            await send(message)

        await self.app(scope, receive, completing_send)


def _is_localhost(scope: Scope) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return bool(host.partition(b":")[0].lower() == b"localhost")
