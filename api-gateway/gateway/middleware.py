"""The layers around every route, outermost first. A layer that is switched off is absent and costs nothing."""

from starlette.middleware import Middleware

from gateway.auth.authenticator import Authenticator
from gateway.auth.hosts import HostsMiddleware
from gateway.auth.middleware import AuthMiddleware
from gateway.concurrency.after_answer import AfterAnswerMiddleware
from gateway.http.cors import CorsMiddleware
from gateway.http.errors import UnhandledErrorMiddleware
from gateway.http.head import HeadMiddleware
from gateway.http.head_limits import HeadLimitsMiddleware
from gateway.http.observe import Metrics, ObserveMiddleware
from gateway.http.proxies import TrustedProxiesMiddleware
from gateway.http.security_headers import SecurityHeadersMiddleware
from gateway.limits.bodies import BodyLimitsMiddleware, Pace, UploadMemory
from gateway.limits.rate_counters import RateLimits
from gateway.limits.rate_limit import RateLimitMiddleware
from gateway.settings import Settings
from gateway.settings.limits import split
from gateway.settings.placement import EDGE
from gateway.tracing.sampling import UnrecordedMiddleware


def layers(
    settings: Settings,
    metrics: Metrics,
    authenticator: Authenticator | None,
    rate_limits: RateLimits | None,
    uploads: UploadMemory,
) -> list[Middleware]:
    """Return every layer that the settings ask for; ``authenticator`` and ``rate_limits`` are None when off."""
    proxies, origins = split(settings.forwarded_allow_ips), split(settings.cors_origins)
    if settings.is_behind_edge:
        proxies = (EDGE, *proxies)
    return [
        # Around all that logs or asks the model server.
        *([Middleware(UnrecordedMiddleware)] if settings.otel_exporter_otlp_endpoint else []),
        # Before the rest, so that logs and limits by address see the client's address and not the proxy's.
        *([Middleware(TrustedProxiesMiddleware, proxies=proxies)] if proxies else []),
        Middleware(ObserveMiddleware, metrics=metrics),
        Middleware(HeadMiddleware),
        Middleware(SecurityHeadersMiddleware, hsts_max_age_s=settings.hsts_max_age_s),
        Middleware(UnhandledErrorMiddleware),
        # These two do not depend on the caller: preflights, and invalid or too large heads.
        *([Middleware(CorsMiddleware, origins=origins)] if origins else []),
        Middleware(
            HeadLimitsMiddleware,
            query_bytes=settings.max_query_bytes,
            header_bytes=settings.max_header_bytes,
            headers=settings.max_headers,
        ),
        # Where no key is required, the name is all that tells a page of the gateway from one that pretends to be.
        Middleware(AuthMiddleware, authenticator, metrics, settings.metrics_public)
        if authenticator
        else Middleware(HostsMiddleware, allowed=split(settings.allowed_hosts)),
        # These count for the caller, and bound request bodies.
        *([Middleware(RateLimitMiddleware, limits=rate_limits)] if rate_limits and rate_limits.has_rates else []),
        Middleware(
            BodyLimitsMiddleware,
            memory=uploads,
            pace=Pace(settings.body_timeout_s, settings.body_gap_s, settings.body_min_rate),
        ),
        Middleware(AfterAnswerMiddleware),
    ]
