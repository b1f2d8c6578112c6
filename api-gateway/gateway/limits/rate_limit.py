"""The layer that refuses what is over a caller's rate."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import RateLimited
from gateway.http.caller import caller_of
from gateway.http.errors import error_response
from gateway.http.headers import RATE_LIMIT_HEADER, RATE_POLICY_HEADER, RATE_REMAINING_HEADER, RATE_RESET_HEADER
from gateway.http.policy import policy_for
from gateway.limits.rate_counters import RateLimits, Verdict


class RateLimitMiddleware:
    """Pure ASGI layer: counts each request for its caller, says what is left, answers 429 when nothing is.

    Below what authenticates, so that a caller is known by name.
    """

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on with ``RateLimit-*`` on its answer, or refuse it."""
        if scope["type"] != "http" or not policy_for(scope["path"]).limited:
            await self.app(scope, receive, send)
            return
        verdict = await self.limits.take(caller_of(scope))
        rate_headers = self._headers(verdict)
        if not verdict.allowed:
            self.limits.limited.inc()
            retry = {"Retry-After": str(verdict.reset_s)}
            await error_response(scope, RateLimited(), {**rate_headers, **retry})(scope, receive, send)
            return
        headers = [(name.lower().encode(), value.encode()) for name, value in rate_headers.items()]

        async def telling_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self.app(scope, receive, telling_send)

    def _headers(self, verdict: Verdict) -> dict[str, str]:
        return {
            RATE_LIMIT_HEADER: str(verdict.limit),
            RATE_REMAINING_HEADER: str(verdict.remaining),
            RATE_RESET_HEADER: str(verdict.reset_s),
            RATE_POLICY_HEADER: self.limits.policy,
        }
