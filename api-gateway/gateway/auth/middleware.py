"""The layer that authenticates a request, or refuses it before its body is read."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.auth.authenticator import Authenticator
from gateway.auth.identity import Method, Outcome, Refusal
from gateway.errors import InsufficientScope
from gateway.http.caller import IDENTITY, MODELS, REFUSED_MODEL
from gateway.http.errors import error_response
from gateway.http.observe import Metrics
from gateway.http.policy import needed_scope

logger = logging.getLogger("gateway.auth")


class AuthMiddleware:
    """Asks every request but those to open addresses, and browsers' preflights, for a credential with the right scope.

    It stands outside of whatever reads bodies or does work, and inside the log, the metrics and the error layer.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, metrics: Metrics, metrics_public: bool) -> None:
        self.app = app
        self._authenticator = authenticator
        self._attempts = metrics.auth
        self._metrics_public = metrics_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on with the caller's name in it, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        needed = needed_scope(scope["path"], self._metrics_public)
        if needed is None or _is_preflight(scope):
            await self.app(scope, receive, send)
            return
        try:
            identity = await self._authenticator.authenticate(scope["headers"])
            scope[IDENTITY] = identity.name
            if identity.models is not None:
                scope[MODELS] = identity.models
            if needed not in identity.scopes:
                raise Refusal(
                    InsufficientScope(f"This address needs the scope '{needed}', which your credential does not have."),
                    identity.method,
                    "scope",
                )
        except Refusal as refusal:
            self._attempts.labels(refusal.method, refusal.outcome).inc()
            await self._refuse(refusal, needed, scope, receive, send)
            return
        self._attempts.labels(identity.method, "ok").inc()
        try:
            await self.app(scope, receive, send)
        finally:
            if REFUSED_MODEL in scope:  # a form names its model, so only the route knows
                self._attempts.labels(identity.method, "model").inc()
                _log(identity.method, "model", scope)

    async def _refuse(self, refusal: Refusal, needed: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        if refusal.outcome != "missing":  # who shows nothing attempts nothing; the access log has the rest
            _log(refusal.method, refusal.outcome, scope)
        headers = dict(refusal.error.headers)
        if isinstance(refusal.error, InsufficientScope):
            headers["WWW-Authenticate"] += f', scope="{needed}"'
        await error_response(scope, refusal.error, headers)(scope, receive, send)


def _log(method: Method, outcome: Outcome, scope: Scope) -> None:
    facts = {"method": method, "outcome": outcome, "path": scope["path"]}
    client = (scope.get("client") or ("unknown",))[0]
    model = {"model": scope[REFUSED_MODEL]} if REFUSED_MODEL in scope else {}
    logger.warning("not let in", extra={**facts, **model, "client": client, "identity": scope.get(IDENTITY)})


def _is_preflight(scope: Scope) -> bool:
    """Tell whether a browser asks, as it may only without credentials, if a page may call us."""
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names
