"""Put the application together; every part lives in a module of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway import __version__, middleware
from gateway.api import health, models, root
from gateway.api.deepstack import routes as deepstack_routes
from gateway.api.errors import install_error_handlers
from gateway.api.oip import infer_routes
from gateway.api.oip import routes as oip_routes
from gateway.api.openapi.around import install_descriptions
from gateway.api.page import routes as page_routes
from gateway.api.page.files import static_files
from gateway.api.predict import batch_routes
from gateway.api.predict import routes as predict_routes
from gateway.api.services import Services
from gateway.auth.policy import create_authenticator
from gateway.cache.creation import create_cache
from gateway.detection.request import Detector
from gateway.drawing.studio import Studio
from gateway.http.observe import Metrics
from gateway.intake.fetch import ImageFetcher
from gateway.limits.admission import AdmittingDetector
from gateway.limits.bodies import UploadMemory
from gateway.limits.rate_counters import create_rate_limits
from gateway.model_server.base import InferenceBackend
from gateway.model_server.detector import BackendDetector
from gateway.model_server.readiness import ReadinessWatch
from gateway.model_server.registry import create_backend
from gateway.routing.file import RoutingFile
from gateway.routing.metrics import RoutingMetrics
from gateway.routing.servers import add_servers, answering_server
from gateway.routing.versions import Versions
from gateway.settings import Settings
from gateway.settings.server_list import parse_servers


def create_app(settings: Settings, backend: InferenceBackend | None = None) -> FastAPI:
    """Assemble the gateway in front of ``backend``, or of the one that the settings name.

    Nothing is connected before the first request or the lifespan's start. The backend is closed with the application.
    Raises :class:`~gateway.auth.policy.AuthSettingsError` for settings that would leave the gateway open unasked.
    """
    authenticator = create_authenticator(settings)
    fetcher = ImageFetcher(settings)
    metrics = Metrics()
    routing_metrics = RoutingMetrics(metrics.registry)
    uploads = UploadMemory(settings.upload_memory_bytes, metrics.registry)
    routing = RoutingFile(
        settings.routing_file, parse_servers(settings.torchserve_servers), on_error=routing_metrics.errors.inc
    )
    backend = add_servers(
        backend or create_backend(settings),
        settings,
        routing,
        on_fallback=lambda server: routing_metrics.server_fallbacks.labels(server).inc(),
    )
    readiness = ReadinessWatch(backend, settings.ready_grace_s)
    metrics.watch_readiness(lambda: readiness.state.ready)
    rate_limits = create_rate_limits(settings, metrics.registry)
    admitting: Detector = AdmittingDetector(
        BackendDetector(backend, readiness),
        in_flight=settings.max_in_flight or settings.max_connections,
        waiting=settings.max_waiting,
        wait_s=settings.max_wait_s,
        registry=metrics.registry,
    )
    cache = create_cache(settings, admitting, backend, metrics.registry, hint=answering_server(backend, routing))
    versions = Versions(routing, backend, routing_metrics, settings.shadow_in_flight)
    detector = versions.around(cache or admitting, default_version=lambda: readiness.state.version)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        if authenticator is not None:
            authenticator.start()
        watching = [asyncio.create_task(watch.run()) for watch in (readiness, versions)]
        try:
            yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await versions.aclose()
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
        description="Every address that takes GET takes HEAD too: the same status and headers, without the body.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # it loads scripts from another host: see gateway.api.page
        redoc_url=None,
        redirect_slashes=False,  # a redirect would have no error body, and drop a form on the way
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics and our own log lines do it
        middleware=middleware.layers(settings, metrics, authenticator, rate_limits, uploads),
    )
    app.state.services = Services(
        settings=settings,
        backend=backend,
        detector=detector,
        readiness=readiness,
        metrics=metrics,
        studio=Studio(settings.draw_concurrency, memory_bytes=settings.draw_memory_bytes),
        fetcher=fetcher,
        uploads=uploads,
        versions=versions,
    )
    install_error_handlers(app)
    static_files()  # an installation without its page fails now, not at the first visit
    # The routes themselves: a router inside would look for the address twice. Tried in this order.
    for part in (
        predict_routes,
        root,
        page_routes,
        batch_routes,
        oip_routes,
        infer_routes,
        deepstack_routes,
        health,
        models,
    ):
        app.router.routes.extend(part.router.routes)
    install_descriptions(app, authenticator is not None, settings.metrics_public)
    return app
