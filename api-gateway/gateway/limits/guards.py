"""The layers that bound what callers can do, in their order; what is off is not there and costs nothing."""

from starlette.middleware import Middleware

from gateway.http.cors import CorsMiddleware
from gateway.http.head_limits import HeadLimitsMiddleware
from gateway.http.proxies import TrustedProxiesMiddleware
from gateway.limits.rate_limit import RateLimitMiddleware
from gateway.limits.rate_limits import RateLimits
from gateway.limits.slow_bodies import Pace, SlowBodyMiddleware
from gateway.limits.upload_memory import UploadMemory, UploadMemoryMiddleware
from gateway.settings.limits import LimitSettings, split


def outermost(settings: LimitSettings) -> list[Middleware]:
    """Whoever logs or limits by address sees the client's, not the proxy's."""
    proxies = split(settings.forwarded_allow_ips)
    return [Middleware(TrustedProxiesMiddleware, proxies=proxies)] if proxies else []


def before_identity(settings: LimitSettings) -> list[Middleware]:
    """What is answered without knowing who asks: preflights, and heads that are too large to look at."""
    origins = split(settings.cors_origins)
    head = Middleware(
        HeadLimitsMiddleware,
        query_bytes=settings.max_query_bytes,
        header_bytes=settings.max_header_bytes,
        headers=settings.max_headers,
    )
    return [*([Middleware(CorsMiddleware, origins=origins)] if origins else []), head]


def after_identity(settings: LimitSettings, rate_limits: RateLimits | None, uploads: UploadMemory) -> list[Middleware]:
    """What counts for the one who asks, and the bounds on bodies."""
    pace = Pace(settings.body_timeout_s, settings.body_gap_s, settings.body_min_rate)
    return [
        *([Middleware(RateLimitMiddleware, limits=rate_limits)] if rate_limits is not None else []),
        Middleware(UploadMemoryMiddleware, memory=uploads),
        Middleware(SlowBodyMiddleware, pace=pace),
    ]
