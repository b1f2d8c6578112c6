"""Put the application together; every part lives in a module of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.middleware import Middleware

from gateway import __version__
from gateway.backends import create_backend
from gateway.backends.base import InferenceBackend
from gateway.detector import BackendDetector
from gateway.error_responses import UnhandledErrorMiddleware, install_error_handlers
from gateway.logs import AccessLogMiddleware
from gateway.metrics import Metrics, MetricsMiddleware
from gateway.readiness import ReadinessWatch
from gateway.request_id import RequestIdMiddleware
from gateway.routes import health, models, page, predict, root
from gateway.services import Services
from gateway.settings import Settings
from gateway.static_files import static_files


def create_app(settings: Settings, backend: InferenceBackend | None = None) -> FastAPI:
    """Assemble the gateway in front of ``backend``, or of the one that the settings name.

    Nothing is connected before the first request or the lifespan's start. The backend is closed with the application.
    """
    backend = backend or create_backend(settings)
    readiness = ReadinessWatch(backend, settings.ready_grace_s)
    metrics = Metrics()
    metrics.watch_readiness(lambda: readiness.state.ready)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        watching = asyncio.create_task(readiness.run())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await backend.aclose()

    app = FastAPI(
        title="YOLO serving",
        summary="Pictures in, detections out.",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would have no error body, and drop a form on the way
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics and our own log lines do it
        middleware=[
            Middleware(RequestIdMiddleware),
            Middleware(AccessLogMiddleware),
            Middleware(MetricsMiddleware, metrics=metrics),
            Middleware(UnhandledErrorMiddleware),
        ],
    )
    app.state.services = Services(settings, backend, BackendDetector(backend, readiness), readiness, metrics)
    install_error_handlers(app)
    static_files()  # an installation without its page is told now, not at the first visit
    for part in (root, page, predict, health, models):
        app.include_router(part.router)
    return app
