"""Put the application together; every part lives in a module of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.middleware import Middleware

from gateway import __version__, guards
from gateway.admission import AdmittingDetector
from gateway.backends import create_backend
from gateway.backends.base import InferenceBackend
from gateway.detector import BackendDetector
from gateway.error_bodies import DEEPSTACK, OIP
from gateway.error_responses import UnhandledErrorMiddleware, install_error_handlers
from gateway.image_url import ImageFetcher
from gateway.logs import AccessLogMiddleware
from gateway.metrics import Metrics, MetricsMiddleware
from gateway.openapi import AT_THE_DOOR, DOOR_ERRORS, LIMIT_ERRORS, LIMITED, error_answers
from gateway.rate_limits import create_rate_limits
from gateway.readiness import ReadinessWatch
from gateway.request_id import RequestIdMiddleware
from gateway.routes import batch, deepstack, health, models, oip, oip_infer, predict, root
from gateway.security_headers import SecurityHeadersMiddleware
from gateway.services import Services
from gateway.settings import Settings
from gateway.studio import Studio


def create_app(settings: Settings, backend: InferenceBackend | None = None) -> FastAPI:
    """Assemble the gateway in front of ``backend``, or of the one that the settings name.

    Nothing is connected before the first request or the lifespan's start. The backend is closed with the application.
    """
    backend = backend or create_backend(settings)
    readiness = ReadinessWatch(backend, settings.ready_grace_s)
    fetcher = ImageFetcher(settings)
    metrics = Metrics()
    metrics.watch_readiness(lambda: readiness.state.ready)
    rate_limits = create_rate_limits(settings, metrics.registry)
    detector = AdmittingDetector(
        BackendDetector(backend, readiness),
        in_flight=settings.max_in_flight or settings.max_connections,
        waiting=settings.max_waiting,
        wait_s=settings.max_wait_s,
        registry=metrics.registry,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        watching = asyncio.create_task(readiness.run())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await fetcher.aclose()
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
    for part, prefix in ((oip, OIP), (oip_infer, OIP), (deepstack, DEEPSTACK)):
        app.include_router(part.router, responses=error_answers(*DOOR_ERRORS, *LIMIT_ERRORS, path=f"{prefix}/"))
    return app
