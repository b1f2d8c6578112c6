"""Put the application together; every part lives in a module of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway import __version__, middleware
from gateway.api import health, models, root
from gateway.api.deepstack import routes as deepstack_routes
from gateway.api.errors import install_error_handlers
from gateway.api.oip import infer_routes, repository
from gateway.api.oip import routes as oip_routes
from gateway.api.openapi.around import install_descriptions
from gateway.api.page import routes as page_routes
from gateway.api.page.files import static_files
from gateway.api.predict import batch_routes
from gateway.api.predict import routes as predict_routes
from gateway.api.services import Services
from gateway.auth.policy import create_authenticator
from gateway.cache.creation import create_cache
from gateway.drawing.studio import Studio
from gateway.http.observe import Metrics
from gateway.http.policy import policy_for
from gateway.intake.fetch import ImageFetcher
from gateway.limits.bodies import UploadMemory
from gateway.limits.model_rates import read_model_rates
from gateway.limits.rate_counters import create_rate_limits
from gateway.model_server.base import InferenceBackend
from gateway.models.factory import LineFactory
from gateway.models.instance_metrics import InstanceMetrics
from gateway.models.lines import Lines
from gateway.models.worker_metrics import WorkerMetrics
from gateway.second_stage.stage import SecondStage
from gateway.settings import Settings
from gateway.tracing.sampling import is_unrecorded


def create_app(settings: Settings, backend: InferenceBackend | None = None) -> FastAPI:
    """Assemble the gateway in front of ``backend``, or of the one that the settings name.

    Nothing is connected before the first request or the lifespan's start. The backend is closed with the application.
    Raises :class:`~gateway.auth.policy.AuthSettingsError` for settings that would leave the gateway open unasked, and
    :class:`~gateway.limits.model_rates.ModelRatesError` for rates of models that are invalid.
    """
    authenticator = create_authenticator(settings)
    fetcher = ImageFetcher(settings)
    metrics = Metrics()
    uploads = UploadMemory(settings.upload_memory_bytes, metrics.registry)
    rate_limits = create_rate_limits(settings, metrics.registry, read_model_rates(settings.models_file))
    cache = create_cache(settings, metrics.registry)
    factory = LineFactory(settings, metrics.registry, cache, backend)
    lines = Lines(factory.default, factory.make, factory.is_removed)
    workers = WorkerMetrics(lines.known, metrics.registry)
    InstanceMetrics(lines.known, metrics.registry)
    metrics.watch_readiness(lambda: lines.default.readiness.state.ready)
    studio = Studio(settings.draw_concurrency, memory_bytes=settings.draw_memory_bytes)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        if authenticator is not None:
            authenticator.start()
        lines.default.start()
        watching = asyncio.create_task(lines.run())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await workers.aclose()
            await lines.aclose()
            if cache is not None:
                await cache.aclose()
            if authenticator is not None:
                await authenticator.aclose()
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
        # Traces, where gateway.tracing.export has set them up. /metrics and our own log lines do the rest.
        telemetry={
            "tracing": True,
            "exclude": lambda scope: policy_for(scope["path"]).quiet or is_unrecorded(scope),
            "auto_configure": False,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
        },
        middleware=middleware.layers(settings, metrics, authenticator, rate_limits, uploads),
    )
    app.state.services = Services(
        settings=settings,
        models=lines,
        metrics=metrics,
        workers=workers,
        drift=factory.drift,
        studio=studio,
        second_stage=SecondStage(lines, studio),
        fetcher=fetcher,
        uploads=uploads,
        rate_limits=rate_limits,
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
        repository,
        deepstack_routes,
        health,
        models,
    ):
        app.router.routes.extend(part.router.routes)
    install_descriptions(app, authenticator is not None, settings.metrics_public)
    return app
