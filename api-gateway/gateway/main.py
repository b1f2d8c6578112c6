"""Put the application together; every part lives in a module of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.middleware import Middleware

from gateway import __version__, guards
from gateway.admission import AdmittingDetector
from gateway.auth.middleware import AuthMiddleware
from gateway.auth.openapi import install_auth_description
from gateway.auth.policy import create_authenticator
from gateway.backends import create_backend
from gateway.backends.base import InferenceBackend
from gateway.cache import create_cache
from gateway.detector import BackendDetector, Detector
from gateway.error_responses import UnhandledErrorMiddleware, install_error_handlers
from gateway.image_url import ImageFetcher
from gateway.logs import AccessLogMiddleware
from gateway.metrics import Metrics, MetricsMiddleware
from gateway.openapi import AT_THE_DOOR, LIMITED
from gateway.rate_limits import create_rate_limits
from gateway.readiness import ReadinessWatch
from gateway.request_id import RequestIdMiddleware
from gateway.routes import batch, health, models, predict, root
from gateway.security_headers import SecurityHeadersMiddleware
from gateway.services import Services
from gateway.settings import Settings
from gateway.studio import Studio


def create_app(settings: Settings, backend: InferenceBackend | None = None) -> FastAPI:
    """Assemble the gateway in front of ``backend``, or of the one that the settings name.

    Nothing is connected before the first request or the lifespan's start. The backend is closed with the application.
    Raises :class:`~gateway.auth.policy.AuthSettingsError` for settings that would leave the gateway open unasked.
    """
    authenticator = create_authenticator(settings)
    backend = backend or create_backend(settings)
    readiness = ReadinessWatch(backend, settings.ready_grace_s)
    fetcher = ImageFetcher(settings)
    metrics = Metrics()
    metrics.watch_readiness(lambda: readiness.state.ready)
    rate_limits = create_rate_limits(settings, metrics.registry)
    detector: Detector = AdmittingDetector(
        BackendDetector(backend, readiness),
        in_flight=settings.max_in_flight or settings.max_connections,
        waiting=settings.max_waiting,
        wait_s=settings.max_wait_s,
        registry=metrics.registry,
    )
    if cache := create_cache(settings, detector, backend, metrics.registry):
        detector = cache

    asking = [Middleware(AuthMiddleware, authenticator, metrics, settings.metrics_public)] if authenticator else []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        watching = asyncio.create_task(readiness.run())
        if authenticator is not None:
            authenticator.start()
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await fetcher.aclose()
            if cache:
                await cache.aclose()
            if authenticator is not None:
                await authenticator.aclose()
            await backend.aclose()
            if rate_limits is not None:
                await rate_limits.aclose()

    app = FastAPI(
        title="YOLO serving",
        summary="Pictures in, detections out.",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would have no error body, and drop a form on the way
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics and our own log lines do it
        middleware=[  # outermost first
            *guards.outermost(settings),
            Middleware(RequestIdMiddleware),
            Middleware(AccessLogMiddleware),
            Middleware(MetricsMiddleware, metrics=metrics),
            Middleware(SecurityHeadersMiddleware, hsts_max_age_s=settings.hsts_max_age_s),
            Middleware(UnhandledErrorMiddleware),
            *guards.before_identity(settings),
            *asking,
            *guards.after_identity(settings, rate_limits, metrics.registry),
        ],
    )
    app.state.services = Services(
        settings=settings,
        backend=backend,
        detector=detector,
        readiness=readiness,
        metrics=metrics,
        studio=Studio(settings.draw_concurrency),
        fetcher=fetcher,
    )
    install_error_handlers(app)
    for part in (root, health):
        app.include_router(part.router, responses=AT_THE_DOOR)
    for part in (predict, batch, models):
        app.include_router(part.router, responses={**AT_THE_DOOR, **LIMITED})
    if authenticator is not None:
        install_auth_description(app, settings.metrics_public)
    return app
